import test, {type ExecutionContext} from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {parseReference} from '../../engine/oci/reference.js';
import {createRegistryClient, type RegistryOptions} from '../../engine/registry/client.js';
import type {RegistryCredentials} from '../../engine/registry/credentials.js';
import {bytesOf, pushImage, sampleImage} from '../helpers/image.js';
import {hasRegistry, recordingProxy, registryUser, serve, startRegistry} from '../helpers/registry.js';
import {startTokenServer, tokenOf, type TokenServer, type TokenServerOptions} from '../helpers/token-server.js';

const signal = new AbortController().signal;
const amd64 = {os: 'linux', architecture: 'amd64'};
const basic = `Basic ${Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64')}`;

/** A client with credentials for exactly these hosts, and the hosts that it asked for. */
function client(
  t: ExecutionContext,
  known: Readonly<Record<string, RegistryCredentials>>,
  options: Partial<RegistryOptions> = {},
) {
  const asked: string[] = [];
  const registry = createRegistryClient({
    credentials: (host) => {
      asked.push(host);
      return Promise.resolve(known[host]);
    },
    backOff: 5,
    ...options,
  });
  t.teardown(() => registry.close());
  return {registry, asked};
}

/** Text of everything a user could see of an error, with its causes. */
function everything(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    parts.push(at.message, at.stack ?? '', JSON.stringify(at));
    if (at instanceof BuildError) parts.push(formatError(at));
  }
  return parts.join('\n');
}

async function tokenRegistry(
  t: ExecutionContext,
  options: TokenServerOptions = {},
): Promise<{server: TokenServer; host: string}> {
  const server = await startTokenServer(t, options);
  const {realm, service, certificate} = server;
  const host = await startRegistry(t, {kind: 'token', realm, service, certificate});
  const authorization = `Bearer ${await tokenOf(server, 'repository:app:push,pull')}`;
  await pushImage(host, 'app', 'latest', sampleImage(3), {authorization});
  server.requests.length = 0;
  return {server, host};
}

test('what a registry says of credentials that it does not take is told', async (t) => {
  const host = await serve(t, (_, response) => {
    response
      .writeHead(401, {'www-authenticate': 'Basic realm="x"'})
      .end('{"errors":[{"code":"DENIED","message":"Your authorization token has expired."}]}');
  });
  const {registry} = client(t, {[host]: registryUser});
  const error = await t.throwsAsync(registry.digest(parseReference(`${host}/app`), signal), {code: 'REGISTRY_AUTH'});
  t.notRegex(error.message, /expired/, 'an answer to HEAD has no body');
  const resolving = registry.resolve(parseReference(`${host}/app`), amd64, signal);
  await t.throwsAsync(resolving, {code: 'REGISTRY_AUTH', message: /DENIED: Your authorization token has expired\.$/});
});

test('user and password go to the registry that asks for them', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  await pushImage(host, 'app', 'latest', sampleImage(1), {authorization: basic});
  const proxy = await recordingProxy(t, host);
  const {registry, asked} = client(t, {[proxy.host]: registryUser});
  await t.notThrowsAsync(registry.resolve(parseReference(`${proxy.host}/app`), amd64, signal));
  t.deepEqual(
    proxy.requests.map(({authorization}) => authorization),
    [undefined, basic, basic],
    'they are shown only when asked for, and then remembered',
  );
  t.deepEqual(asked, [proxy.host]);
});

test('credentials of one port are not shown to another', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const proxy = await recordingProxy(t, host);
  const {registry} = client(t, {[host]: registryUser});
  const resolving = registry.resolve(parseReference(`${proxy.host}/app`), amd64, signal);
  const error = await t.throwsAsync(resolving, {code: 'REGISTRY_AUTH'});
  t.true(proxy.requests.every(({authorization}) => authorization === undefined));
  t.regex(everything(error), /docker login/);
});

test('a wrong password is refused without being named', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const {registry} = client(t, {[host]: {username: 'user', password: 'wrong-pass-word'}});
  const error = await t.throwsAsync(registry.resolve(parseReference(`${host}/app`), amd64, signal), {
    code: 'REGISTRY_AUTH',
  });
  t.false(/wrong-pass-word/.test(everything(error)));
  t.true(error.message.includes(host) && error.message.includes('app'));
});

test('a token is had with user and password, once, and the registry sees only the token', async (t) => {
  if (!hasRegistry(t)) return;
  const {server, host} = await tokenRegistry(t);
  const proxy = await recordingProxy(t, host);
  const {registry} = client(t, {[proxy.host]: registryUser});
  const reference = parseReference(`${proxy.host}/app`);
  const image = await registry.resolve(reference, amd64, signal);
  for (const layer of image.manifest.layers) await bytesOf(registry.blob(reference, layer, signal));
  t.is(server.requests.length, 1);
  t.is(server.requests[0]?.authorization, basic);
  t.is(server.requests[0]?.parameters.get('scope'), 'repository:app:pull');
  t.is(server.requests[0]?.parameters.get('service'), server.service);
  t.is(proxy.requests.length, 6);
  t.is(proxy.requests[0]?.authorization, undefined);
  t.true(proxy.requests.slice(1).every(({authorization}) => authorization?.startsWith('Bearer ')));
});

test('a token is had without credentials where the server grants it', async (t) => {
  if (!hasRegistry(t)) return;
  const {server, host} = await tokenRegistry(t, {anonymous: true});
  const {registry} = client(t, {});
  await t.notThrowsAsync(registry.resolve(parseReference(`${host}/app`), amd64, signal));
  t.is(server.requests[0]?.authorization, undefined);
});

test('an identity token is exchanged by POST, and shown to nobody else', async (t) => {
  if (!hasRegistry(t)) return;
  const {server, host} = await tokenRegistry(t);
  const proxy = await recordingProxy(t, host);
  const {registry} = client(t, {[proxy.host]: {username: '', password: '', identityToken: server.identityToken}});
  await t.notThrowsAsync(registry.resolve(parseReference(`${proxy.host}/app`), amd64, signal));
  t.is(server.requests[0]?.method, 'POST');
  t.is(server.requests[0]?.parameters.get('grant_type'), 'refresh_token');
  t.false(JSON.stringify(proxy.requests).includes(server.identityToken));
});

test('a token server that refuses is an error that names it and no secret', async (t) => {
  if (!hasRegistry(t)) return;
  const {host} = await tokenRegistry(t);
  const {registry} = client(t, {[host]: {username: 'user', password: 'wrong-pass-word'}});
  const resolving = registry.resolve(parseReference(`${host}/app`), amd64, signal);
  const error = await t.throwsAsync(resolving, {code: 'REGISTRY_AUTH'});
  t.false(/wrong-pass-word/.test(everything(error)));
});

test('a token that has ended is renewed', async (t) => {
  if (!hasRegistry(t)) return;
  const {server, host} = await tokenRegistry(t);
  let refused = 0;
  const challenge = `Bearer realm="${server.realm}",service="${server.service}",scope="repository:app:pull"`;
  const proxy = await recordingProxy(t, host, ({url, authorization}, response) => {
    if (!url.includes('/blobs/') || authorization === undefined || refused > 0) return false;
    refused++;
    response.writeHead(401, {'www-authenticate': challenge}).end();
    return true;
  });
  const {registry} = client(t, {[proxy.host]: registryUser});
  await t.notThrowsAsync(registry.resolve(parseReference(`${proxy.host}/app`), amd64, signal));
  t.is(server.requests.length, 2);
});

test('a redirect to another host takes no Authorization along, and its challenge gets no answer', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const image = sampleImage(1);
  await pushImage(host, 'app', 'latest', image, {authorization: basic});
  const seen: (string | undefined)[] = [];
  let hostile = false;
  const [layer] = image.layers;
  const storage = await serve(t, (request, response) => {
    seen.push(request.headers.authorization);
    if (hostile) return response.writeHead(401, {'www-authenticate': 'Basic realm="give"'}).end();
    return response.end(layer);
  });
  const proxy = await recordingProxy(t, host, ({url, authorization}, response) => {
    if (!url.includes('/blobs/') || authorization === undefined) return false;
    if (url.endsWith(image.manifest.config.digest)) return false;
    response.writeHead(307, {location: `http://${storage}/data?signature=abc`}).end();
    return true;
  });
  const {registry, asked} = client(t, {[proxy.host]: registryUser, [storage]: registryUser});
  const reference = parseReference(`${proxy.host}/app`);
  const {manifest} = await registry.resolve(reference, amd64, signal);
  const [descriptor] = manifest.layers;
  if (descriptor === undefined) throw new Error('no layer');
  t.deepEqual(await bytesOf(registry.blob(reference, descriptor, signal)), layer);
  hostile = true;
  const error = await t.throwsAsync(bytesOf(registry.blob(reference, descriptor, signal)), {code: 'REGISTRY_AUTH'});
  t.deepEqual([...new Set(seen)], [undefined]);
  t.deepEqual(asked, [proxy.host]);
  t.false(everything(error).includes('signature=abc'));
});

test('a redirect within one host keeps Authorization', async (t) => {
  const image = sampleImage(1);
  const seen: [string, string | undefined][] = [];
  const [layer] = image.layers;
  const host = await serve(t, ({url = '', headers}, response) => {
    seen.push([url, headers.authorization]);
    if (headers.authorization === undefined) {
      return response.writeHead(401, {'www-authenticate': 'Basic realm="x"'}).end();
    }
    return url === '/there' ? response.end(layer) : response.writeHead(302, {location: '/there'}).end();
  });
  const {registry} = client(t, {[host]: registryUser});
  const [descriptor] = image.manifest.layers;
  if (descriptor === undefined) throw new Error('no layer');
  t.deepEqual(await bytesOf(registry.blob(parseReference(`${host}/app`), descriptor, signal)), layer);
  t.deepEqual(seen.at(-1), ['/there', basic]);
});

test('redirects without end are an error', async (t) => {
  const host = await serve(t, ({url = ''}, response) => response.writeHead(302, {location: `${url}x`}).end());
  const {registry} = client(t, {});
  await t.throwsAsync(registry.resolve(parseReference(`${host}/app`), amd64, signal), {code: 'REGISTRY_FAILED'});
});

test('a mirror is asked first, with its own credentials only; what it does not have the registry gives', async (t) => {
  if (!hasRegistry(t)) return;
  const origin = await startRegistry(t, {kind: 'htpasswd'});
  const mirror = await startRegistry(t, {kind: 'htpasswd'});
  const image = sampleImage(2);
  await pushImage(origin, 'app', 'latest', image, {authorization: basic});
  await pushImage(mirror, 'app', 'latest', {...image, layers: image.layers}, {authorization: basic});
  const first = await recordingProxy(t, mirror, ({url}, response) => {
    if (!url.includes(image.manifest.layers[1]?.digest ?? '-')) return false;
    response.writeHead(404).end();
    return true;
  });
  const last = await recordingProxy(t, origin);
  const other = {username: 'user', password: 'other'};
  const {registry, asked} = client(
    t,
    {[first.host]: registryUser, [last.host]: {...registryUser}, [origin]: other, [mirror]: other},
    {mirrors: new Map([[last.host, [`http://${first.host}`]]])},
  );
  const reference = parseReference(`${last.host}/app`);
  const {manifest} = await registry.resolve(reference, amd64, signal);
  t.is(last.requests.length, 0);
  for (const [index, layer] of manifest.layers.entries()) {
    t.deepEqual(await bytesOf(registry.blob(reference, layer, signal)), image.layers[index]);
  }
  t.true(last.requests.length > 0);
  t.deepEqual(asked, [first.host, last.host]);
});

test('a mirror that is down is passed over, said once, and not asked again', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  await pushImage(host, 'app', 'latest', sampleImage(2));
  const notes: string[] = [];
  const {registry} = client(
    t,
    {},
    {mirrors: new Map([[host, ['http://127.0.0.1:1']]]), note: (message) => void notes.push(message)},
  );
  await t.notThrowsAsync(registry.resolve(parseReference(`${host}/app`), amd64, signal));
  t.is(notes.length, 1);
  t.regex(notes[0] ?? '', /127\.0\.0\.1:1/);
});

test('a mirror with a password in its address is refused without naming it', async (t) => {
  const {registry} = client(t, {}, {mirrors: new Map([['docker.io', ['https://u:topsecret@m.example']]])});
  const error = await t.throwsAsync(registry.resolve(parseReference('debian'), amd64, signal), {
    code: 'CONFIG_INVALID',
  });
  t.false(everything(error).includes('topsecret'));
});
