import {setMaxListeners} from 'node:events';
import test, {type ExecutionContext} from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import {parseReference} from '../../engine/oci/reference.js';
import {createRegistryClient, type RegistryClient, type RegistryOptions} from '../../engine/registry/client.js';
import type {PushedBlob} from '../../engine/registry/push-blob.js';
import {bytesOf, sampleImage} from '../helpers/image.js';
import {hasRegistry, recordingProxy, registryUser, serve, startRegistry} from '../helpers/registry.js';
import {startTokenServer} from '../helpers/token-server.js';

const signal = new AbortController().signal;
setMaxListeners(0, signal);
const amd64 = {os: 'linux', architecture: 'amd64'};

/** A client with credentials for these hosts. */
function client(
  t: ExecutionContext,
  hosts: readonly string[] = [],
  more: Partial<RegistryOptions> = {},
): RegistryClient {
  const made = createRegistryClient({
    credentials: (host) => Promise.resolve(hosts.includes(host) ? registryUser : undefined),
    backOff: 5,
    ...more,
  });
  t.teardown(() => made.close());
  return made;
}

function blobOf(content: Buffer, more: Partial<PushedBlob> = {}): PushedBlob {
  return {digest: digestOf(content), size: content.length, open: () => pieces(content), ...more};
}

async function* pieces(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 65_536) yield await Promise.resolve(content.subarray(at, at + 65_536));
}

function manifestOf({config, layers}: ReturnType<typeof sampleImage>): Buffer {
  const descriptor = (mediaType: string, content: Buffer) => ({
    mediaType,
    digest: digestOf(content),
    size: content.length,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: descriptor(mediaTypes.ociConfig, config),
      layers: layers.map((layer) => descriptor(mediaTypes.ociLayer, layer)),
    }),
  );
}

async function pushSample(registry: RegistryClient, name: string, image: ReturnType<typeof sampleImage>) {
  const reference = parseReference(name);
  const outcomes: string[] = [];
  await registry.push(
    reference,
    [image.config, ...image.layers].map((content) => blobOf(content)),
    signal,
    (_digest, _current, _total, outcome) => outcome !== undefined && outcomes.push(outcome),
  );
  const manifest = {bytes: manifestOf(image), mediaType: mediaTypes.ociManifest};
  return {digest: await registry.pushManifest(reference, manifest, signal), outcomes};
}

test('an image that is pushed is the one that is pulled; what is there is not sent again', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const proxy = await recordingProxy(t, host);
  const registry = client(t, [proxy.host]);
  const image = sampleImage(3, 300_000);
  const first = await pushSample(registry, `${proxy.host}/team/app:v1`, image);
  t.deepEqual(first.outcomes, Array(4).fill('pushed'));
  const found = await registry.resolve(parseReference(`${proxy.host}/team/app:v1`), amd64, signal);
  t.is(found.manifestDigest, first.digest);
  for (const [index, layer] of found.manifest.layers.entries()) {
    t.deepEqual(
      await bytesOf(registry.blob(parseReference(`${proxy.host}/team/app`), layer, signal)),
      image.layers[index],
    );
  }
  proxy.requests.length = 0;
  const second = await pushSample(registry, `${proxy.host}/team/app:v2`, image);
  t.deepEqual(second.outcomes, Array(4).fill('exists'));
  t.deepEqual([...new Set(proxy.requests.map(({method}) => method))], ['HEAD', 'PUT']);
});

test('a blob of another repository is mounted; where the registry has it not, it is sent', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const registry = client(t);
  const image = sampleImage(1);
  await pushSample(registry, `${host}/base/one`, image);
  const [layer = Buffer.of()] = image.layers;
  const outcomes: unknown[] = [];
  const push = async (blob: PushedBlob) =>
    registry.push(parseReference(`${host}/team/two`), [blob], signal, (...[, , , outcome]) => {
      if (outcome !== undefined) outcomes.push(outcome);
    });
  await push(blobOf(layer, {mountFrom: 'base/one'}));
  await push(blobOf(Buffer.from('new'), {mountFrom: 'base/one'}));
  t.deepEqual(outcomes, ['mounted', 'pushed']);
});

test('the token that is asked for may push, also where the challenge names only pull', async (t) => {
  if (!hasRegistry(t)) return;
  const server = await startTokenServer(t);
  const {realm, service, certificate} = server;
  const host = await startRegistry(t, {kind: 'token', realm, service, certificate});
  await t.notThrowsAsync(pushSample(client(t, [host]), `${host}/team/app`, sampleImage(2)));
  t.deepEqual(
    [...new Set(server.requests.map(({parameters}) => parameters.get('scope')))],
    ['repository:team/app:pull,push'],
  );
});

test('an upload that breaks off is begun again, and one that is refused is not', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  let broken = 0;
  const proxy = await recordingProxy(t, host, ({method, url}, response) => {
    if (method === 'PUT' && url.includes('/uploads/') && broken++ < 2) {
      if (broken === 1) response.destroy();
      else response.writeHead(503).end();
      return true;
    }
    return false;
  });
  const registry = client(t);
  const content = Buffer.alloc(500_000, 'x');
  const reference = parseReference(`${proxy.host}/app`);
  await registry.push(reference, [blobOf(content)], signal);
  t.is(broken, 3);
  t.deepEqual(await bytesOf(registry.blob(reference, blobOf(content), signal)), content);
  proxy.requests.length = 0;
  const wrong = {...blobOf(Buffer.from('something')), digest: digestOf('else')};
  await t.throwsAsync(registry.push(reference, [wrong], signal), {code: 'REGISTRY_FAILED'});
  t.is(proxy.requests.filter(({method}) => method === 'PUT').length, 1);
});

test('an upload that is to go on at another host gets no credentials there', async (t) => {
  const seen: (string | undefined)[] = [];
  const other = await serve(t, (request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(201).end();
  });
  const host = await serve(t, (request, response) => {
    if (request.headers.authorization === undefined) {
      response.writeHead(401, {'www-authenticate': 'Basic realm="x"'}).end();
    } else if (request.method === 'HEAD') response.writeHead(404).end();
    else response.writeHead(202, {location: `http://${other}/there`}).end();
  });
  const registry = client(t, [host, other]);
  const pushing = registry.push(parseReference(`${host}/app`), [blobOf(Buffer.from('x'))], signal);
  await t.throwsAsync(pushing, {code: 'REGISTRY_FAILED', message: /without TLS/});
  t.deepEqual(seen, []);
});

test('a mirror is never pushed to', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const mirror = await recordingProxy(t, host);
  const registry = client(t, [], {mirrors: new Map([[host, [mirror.host]]])});
  await pushSample(registry, `${host}/app`, sampleImage(1));
  t.deepEqual(mirror.requests, []);
});

test('a push that is cancelled ends at once', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const stop = new AbortController();
  const blob = blobOf(Buffer.from('slow'), {
    async *open() {
      yield Buffer.from('sl');
      stop.abort(new Error('enough'));
      await new Promise((resolve) => setTimeout(resolve, 60_000).unref());
    },
  });
  await t.throwsAsync(client(t).push(parseReference(`${host}/app`), [blob], stop.signal), {message: 'enough'});
});
