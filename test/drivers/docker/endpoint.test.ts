import {createHash} from 'node:crypto';
import {existsSync} from 'node:fs';
import {createServer as createHttp, type RequestListener, type Server} from 'node:http';
import {createServer as createTcp} from 'node:net';
import {once} from 'node:events';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {BuildError} from '../../../engine/base/errors.js';
import {sshArguments} from '../../../engine/drivers/docker/connection.js';
import {
  type DockerEndpoint,
  endpointUrl,
  parseDaemonUrl,
  resolveEndpoints,
} from '../../../engine/drivers/docker/endpoint.js';
import {pingDaemon} from '../../../engine/drivers/docker/ping.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import {writeTree} from '../../helpers/tree.js';

const never = new AbortController().signal;

/** The one that is tried first. */
const resolveEndpoint = async (...asked: Parameters<typeof resolveEndpoints>): Promise<DockerEndpoint> =>
  (await resolveEndpoints(...asked))[0];

const parses = test.macro({
  exec(t, text: string, expected: Partial<DockerEndpoint>) {
    t.like(parseDaemonUrl(text, undefined, 'DOCKER_HOST'), expected);
  },
  title: (_, text: string) => `DOCKER_HOST=${text} is understood`,
});
test(parses, 'unix:///run/user/1000/docker.sock', {kind: 'unix', path: '/run/user/1000/docker.sock'});
test(parses, 'tcp://build.example', {kind: 'tcp', host: 'build.example', port: 2375});
test(parses, 'tcp://build.example:80', {kind: 'tcp', host: 'build.example', port: 80});
test(parses, 'tcp://[::1]:4444/', {kind: 'tcp', host: '::1', port: 4444});
test(parses, 'localhost:2375', {kind: 'tcp', host: 'localhost', port: 2375});
test(parses, 'https://build.example', {kind: 'tcp', host: 'build.example', port: 2376, tls: {verify: true}});
test(parses, 'ssh://ci@build.example', {kind: 'ssh', host: 'build.example', user: 'ci', port: undefined});
test(parses, 'ssh://build.example:22', {kind: 'ssh', host: 'build.example', user: undefined, port: 22});
test(parses, 'ssh://b/run/user/7/podman.sock', {kind: 'ssh', host: 'b', socket: '/run/user/7/podman.sock'});

const refuses = test.macro({
  exec(t, text: string, about: RegExp) {
    const error = t.throws(() => parseDaemonUrl(text, undefined, 'DOCKER_HOST'), {instanceOf: BuildError});
    t.is(error.code, 'CONFIG_INVALID');
    t.regex(error.message, about);
    t.notRegex(error.message, /hunter2/);
  },
  title: (_, text: string) => `DOCKER_HOST=${text} is refused`,
});
test(refuses, 'unix://docker.sock', /absolute/);
test(refuses, 'tcp://', /host/);
test(refuses, 'npipe:////./pipe/docker_engine', /npipe/);
test(refuses, 'tcp://host:99999', /host/);
test(refuses, 'tcp://host/path', /path/);
test(refuses, 'ssh://ci:hunter2@host', /password/);
test(refuses, 'ssh://-oProxyCommand=touch', /"-"|malformed/);
test(refuses, 'tcp://host?x=1', /"\?"/);

test('the address of an endpoint reads back as the same endpoint', (t) => {
  for (const url of ['unix:///a b', 'tcp://[::1]:1', 'tcp://h:2375', 'ssh://u@h:22/run/x.sock', 'ssh://h']) {
    t.is(endpointUrl(parseDaemonUrl(url, undefined, 'x')), url);
  }
});

test('words that a remote shell would read are quoted, and no host becomes an option of ssh', (t) => {
  const endpoint = {kind: 'ssh', host: 'h', user: 'u', port: 2, socket: "/run/it's $x", from: ''} as const;
  t.deepEqual(sshArguments(endpoint).slice(5), [
    ...['-l', 'u', '-p', '2', '--', 'h', 'docker', '--host', `'unix:///run/it'\\''s $x'`, 'system', 'dial-stdio'],
  ]);
});

function writeContext(home: string, name: string, meta: object, tls: Readonly<Record<string, string>> = {}): void {
  const id = createHash('sha256').update(name).digest('hex');
  writeTree(join(home, '.docker/contexts'), {
    [`meta/${id}/meta.json`]: JSON.stringify({Name: name, Metadata: {}, ...meta}),
    ...Object.fromEntries(Object.entries(tls).map(([file, text]) => [`tls/${id}/docker/${file}`, text])),
  });
}
const dockerAt = (Host: string) => ({Endpoints: {docker: {Host, SkipTLSVerify: false}}});

test('DOCKER_HOST wins over DOCKER_CONTEXT, which wins over the configured context', async (t) => {
  const home = temporaryDirectory(t);
  writeContext(home, 'one', dockerAt('unix:///one.sock'));
  writeContext(home, 'two', dockerAt('tcp://two:1'), {'ca.pem': 'CA', 'cert.pem': 'CERT', 'key.pem': 'KEY'});
  writeTree(home, {'.docker/config.json': '{"currentContext": "one", "auths": {}}'});
  const resolve = (...pairs: [string, string][]) => resolveEndpoint(new Map(pairs), home, never);
  t.like(await resolve(), {kind: 'unix', path: '/one.sock', from: 'context "one"'});
  t.like(await resolve(['DOCKER_CONTEXT', 'two']), {
    kind: 'tcp',
    host: 'two',
    tls: {ca: 'CA', cert: 'CERT', key: 'KEY', verify: true},
  });
  t.like(await resolve(['DOCKER_CONTEXT', 'two'], ['DOCKER_HOST', 'unix:///x']), {path: '/x', from: 'DOCKER_HOST'});
  t.like(await resolve(['DOCKER_CONTEXT', 'default']), {from: 'default'});
});

test('DOCKER_CONFIG moves the directory of contexts', async (t) => {
  const home = temporaryDirectory(t);
  writeContext(home, 'one', dockerAt('unix:///one.sock'));
  const environment = new Map([
    ['DOCKER_CONFIG', join(home, '.docker')],
    ['DOCKER_CONTEXT', 'one'],
  ]);
  t.like(await resolveEndpoint(environment, '/nonexistent', never), {path: '/one.sock'});
});

test('an unknown context is refused with the nearest name', async (t) => {
  const home = temporaryDirectory(t);
  writeContext(home, 'builders', dockerAt('unix:///one.sock'));
  writeTree(home, {'.docker/contexts/meta/broken/meta.json': '{'});
  const error = await t.throwsAsync(resolveEndpoint(new Map([['DOCKER_CONTEXT', 'bilders']]), home, never), {
    instanceOf: BuildError,
  });
  t.is(error.code, 'CONFIG_INVALID');
  t.regex(error.message, /did you mean "builders"/);
});

test('a context without a host is refused and names its file', async (t) => {
  const home = temporaryDirectory(t);
  writeContext(home, 'empty', {});
  const error = await t.throwsAsync(resolveEndpoint(new Map([['DOCKER_CONTEXT', 'empty']]), home, never), {
    instanceOf: BuildError,
  });
  t.regex(error.details.file ?? '', /meta\.json$/);
});

test('a configuration that is not JSON is refused without quoting it', async (t) => {
  const home = temporaryDirectory(t);
  writeTree(home, {'.docker/config.json': '{"auths": {"h": {"auth": "c2VjcmV0" }'});
  const error = await t.throwsAsync(resolveEndpoint(new Map(), home, never), {instanceOf: BuildError});
  t.is(error.code, 'CONFIG_INVALID');
  t.notRegex(error.message + String(error.cause), /c2Vj/);
});

test('DOCKER_TLS_VERIFY takes certificates from DOCKER_CERT_PATH and the port of TLS', async (t) => {
  const home = temporaryDirectory(t);
  writeTree(home, {'certs/ca.pem': 'CA'});
  const environment = new Map([
    ['DOCKER_HOST', 'tcp://b'],
    ['DOCKER_TLS_VERIFY', '1'],
    ['DOCKER_CERT_PATH', join(home, 'certs')],
  ]);
  t.like(await resolveEndpoint(environment, home, never), {port: 2376, tls: {ca: 'CA', verify: true}});
  environment.set('DOCKER_CERT_PATH', home);
  await t.throwsAsync(resolveEndpoint(environment, home, never), {code: 'CONFIG_INVALID'});
  environment.delete('DOCKER_TLS_VERIFY');
  t.like(await resolveEndpoint(environment, home, never), {port: 2375, tls: undefined});
});

async function listen(t: ExecutionContext, server: Server | ReturnType<typeof createTcp>): Promise<string> {
  const path = join(temporaryDirectory(t), 'podman/podman.sock');
  writeTree(join(path, '..'), {keep: ''});
  server.listen(path);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return path;
}
const answering: RequestListener = (request, response) => {
  response.writeHead(request.url === '/_ping' ? 200 : 404, {
    'Api-Version': '1.47',
    'Builder-Version': '2',
    Ostype: 'linux',
    Server: 'Docker/28.0.1 (linux)',
  });
  response.end('OK');
};
const at = (path: string): DockerEndpoint => ({kind: 'unix', path, from: 'DOCKER_HOST'});

test("Podman's socket in the runtime directory is found, and a file of that name is not", async (t) => {
  const path = await listen(t, createHttp(answering));
  const runtime = join(path, '../..');
  writeTree(runtime, {'docker.sock': 'a file'});
  const found = await resolveEndpoints(new Map([['XDG_RUNTIME_DIR', runtime]]), '/nonexistent', never);
  t.true(found.some((endpoint) => endpoint.kind === 'unix' && endpoint.path === path));
  t.false(found.some((endpoint) => endpoint.kind === 'unix' && endpoint.path === join(runtime, 'docker.sock')));
});

test('a ping tells the versions of the daemon', async (t) => {
  const path = await listen(t, createHttp(answering));
  t.deepEqual(await pingDaemon(at(path), 5000, never), {
    apiVersion: '1.47',
    builderVersion: '2',
    osType: 'linux',
    server: 'Docker/28.0.1 (linux)',
  });
});

test('a daemon that never answers is given up after the limit', async (t) => {
  const path = await listen(
    t,
    createTcp((socket) => t.teardown(() => socket.destroy())),
  );
  const begun = Date.now();
  await t.throwsAsync(pingDaemon(at(path), 300, never), {code: 'DAEMON_UNREACHABLE', message: /within 300 ms/});
  t.true(Date.now() - begun < 3000);
});

test('a daemon that answers something else than HTTP, or an error, is unreachable', async (t) => {
  const garbage = await listen(
    t,
    createTcp((socket) => socket.end('hello\n')),
  );
  await t.throwsAsync(pingDaemon(at(garbage), 5000, never), {code: 'DAEMON_UNREACHABLE'});
  const broken = await listen(
    t,
    createHttp((_, response) => response.writeHead(500).end()),
  );
  await t.throwsAsync(pingDaemon(at(broken), 5000, never), {code: 'DAEMON_UNREACHABLE', message: /status 500/});
});

test('no socket, nobody listening and no ssh are each said', async (t) => {
  const directory = temporaryDirectory(t);
  await t.throwsAsync(pingDaemon(at(join(directory, 'none')), 5000, never), {message: /no such socket/});
  const tcp: DockerEndpoint = {kind: 'tcp', host: '127.0.0.1', port: 1, tls: undefined, from: 'default'};
  await t.throwsAsync(pingDaemon(tcp, 5000, never), {message: /nothing listens/});
});

test('an abort rejects with its reason', async (t) => {
  const path = await listen(
    t,
    createTcp((socket) => t.teardown(() => socket.destroy())),
  );
  const controller = new AbortController();
  const reason = new Error('enough');
  setTimeout(() => controller.abort(reason), 50);
  t.is(await t.throwsAsync(pingDaemon(at(path), 10_000, controller.signal)), reason);
  t.true(existsSync(path));
});
