import {execFile, execFileSync} from 'node:child_process';
import {promisify} from 'node:util';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import type {Digest} from '../../engine/oci/digest.js';
import {parseReference} from '../../engine/oci/reference.js';
import {createRegistryClient} from '../../engine/registry/client.js';
import {breakingProxy} from '../helpers/breaking-proxy.js';
import {daemonOrSkip} from '../helpers/daemon.js';
import {type Checkout, checkout, triple} from '../helpers/delivery.js';
import {bytesOf} from '../helpers/image.js';
import {commandLines} from '../helpers/processes.js';
import {
  hasRegistry,
  recordingProxy,
  type RecordingProxy,
  registryUser,
  serve,
  startRegistry,
} from '../helpers/registry.js';
import {restartableRegistry} from '../helpers/restartable-registry.js';
import {asRoot} from '../helpers/root.js';
import {startTokenServer} from '../helpers/token-server.js';

const mebibyte = 1024 * 1024;
const signal = new AbortController().signal;
const build = ['build', '--driver', 'embedded', '-t', 'team/app:1', '--no-artifacts', '.'];
const deliver = ['deliver', '--driver', 'embedded', '--image', 'team/app:1'];

async function built(t: ExecutionContext, size: number): Promise<Checkout> {
  const made = checkout(t, size);
  const run = await made.cli(build);
  t.is(run.status, 0, run.stderr);
  return made;
}

interface Answer {
  readonly registries: readonly {readonly name: string; readonly digest: Digest | null; readonly sent: number}[];
}
const answerOf = (text: string): Answer => JSON.parse(text) as Answer;
const uploads = ({requests}: RecordingProxy) =>
  requests.filter(({url, method}) => url.includes('/blobs/uploads/') && method !== 'GET');
const basicOf = (user: string, key: string) => `Basic ${Buffer.from(`${user}:${key}`).toString('base64')}`;

asRoot('an image goes to two registries, each sees its own credentials, and a second run sends no blob', async (t) => {
  if (!hasRegistry(t)) return;
  const tokens = await startTokenServer(t);
  const {realm, service, certificate} = tokens;
  const one = await recordingProxy(t, await startRegistry(t, {kind: 'htpasswd'}));
  const two = await recordingProxy(t, await startRegistry(t, {kind: 'token', realm, service, certificate}));
  const work = await built(t, 5 * mebibyte);
  const {username, password} = registryUser;
  const environment = {
    ...triple('ONE', one.host, username, password),
    ...triple('TWO', `${two.host}/team`, username, password),
  };
  // Of the process and of everything that it starts, as long as it runs.
  const argv = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  const first = await work.cli([...deliver, '--json'], environment, {
    onProgress: (_, pid) => (timer ??= setInterval(() => argv.add(commandLines(pid)), 20)),
  });
  clearInterval(timer);
  t.is(first.status, 0, first.stderr);
  t.true([...argv].some((lines) => lines.includes('deliver')));
  t.notRegex([...argv].join('') + first.stdout + first.stderr, new RegExp(password));
  t.notRegex(first.stdout + first.stderr, /eyJ[\w-]{20}/, 'no token is shown');
  const [a, b] = answerOf(first.stdout).registries;
  t.is(a?.digest, b?.digest);
  t.true((a?.sent ?? 0) > 5 * mebibyte);
  // Basic for the one, tokens for the other; the token server alone has seen the other's password.
  const sentTo = ({requests}: RecordingProxy) => [...new Set(requests.map(({authorization = ''}) => authorization))];
  t.deepEqual(
    sentTo(one).filter((value) => value !== ''),
    [basicOf(username, password)],
  );
  t.true(
    sentTo(two)
      .filter((value) => value !== '')
      .every((value) => value.startsWith('Bearer ')),
  );
  t.true(tokens.requests.every(({authorization}) => authorization === basicOf(username, password)));

  one.requests.length = 0;
  two.requests.length = 0;
  const second = await work.cli([...deliver, '--json'], environment);
  t.is(second.status, 0, second.stderr);
  t.deepEqual([...uploads(one), ...uploads(two)], []);
  t.deepEqual(
    answerOf(second.stdout).registries.map(({sent, digest}) => [sent, digest]),
    [
      [0, a?.digest],
      [0, a?.digest],
    ],
  );

  // What others make of it
  const creds = `${username}:${password}`;
  const {stdout: inspected} = await promisify(execFile)('skopeo', [
    'inspect',
    '--tls-verify=false',
    `--creds=${creds}`,
    `docker://${one.host}/app:latest`,
  ]);
  t.is((JSON.parse(inspected) as {Digest: unknown}).Digest, a?.digest ?? undefined);
  const client = createRegistryClient({credentials: () => Promise.resolve(registryUser)});
  t.teardown(() => client.close());
  const reference = parseReference(`${one.host}/app:latest`);
  const image = await client.resolve(
    reference,
    {os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : 'arm64'},
    signal,
  );
  t.true(image.digest === a?.digest);
  for (const layer of image.manifest.layers)
    t.is((await bytesOf(client.blob(reference, layer, signal))).length, layer.size);
});

asRoot('credentials of two registries do not meet, also where one redirects to the other', async (t) => {
  if (!hasRegistry(t)) return;
  const seen: {host: string; authorization: string | undefined}[] = [];
  const elsewhere = await serve(t, (request, response) => {
    seen.push({host: 'elsewhere', authorization: request.headers.authorization});
    request.resume();
    response.writeHead(404).end();
  });
  const one = await recordingProxy(t, await startRegistry(t, {kind: 'htpasswd'}));
  const odd = await recordingProxy(
    t,
    await startRegistry(t, {kind: 'htpasswd'}),
    ({url, method, authorization}, response) => {
      if (authorization === undefined || method !== 'HEAD' || !url.includes('/blobs/')) return false;
      response.writeHead(307, {location: `http://${elsewhere}${url}`}).end();
      return true;
    },
  );
  const work = await built(t, mebibyte);
  const {username, password} = registryUser;
  const environment = {
    ...triple('ODD', odd.host, username, password),
    ...triple('ONE', one.host, 'other', 'another-key'),
  };
  const run = await work.cli([...deliver, '--json'], environment);
  // The second key is wrong: that registry fails, the other is served.
  t.is(run.status, 1);
  t.regex(run.stderr, /ONE: .*refuses/);
  t.notRegex(run.stderr, /another-key|secret-pass/);
  const [first, second] = answerOf(run.stdout).registries;
  t.is(second?.digest, null);
  t.truthy(first?.digest);
  t.true(seen.length > 0);
  t.true(seen.every(({authorization}) => authorization === undefined));
  t.true(
    one.requests.every(
      ({authorization}) => authorization === undefined || authorization === basicOf('other', 'another-key'),
    ),
  );
  t.true(
    odd.requests.every(
      ({authorization}) => authorization === undefined || authorization === basicOf(username, password),
    ),
  );
});

asRoot('a registry that is killed while a layer is sent gets it when it is there again', async (t) => {
  if (!hasRegistry(t)) return;
  const registry = await restartableRegistry(t);
  const work = await built(t, 64 * mebibyte);
  let killed: Promise<void> | undefined;
  const watch = setInterval(() => {
    if (killed !== undefined || registry.stored() < 8 * mebibyte) return;
    killed = registry
      .kill()
      .then(() => new Promise((done) => setTimeout(done, 700)))
      .then(() => registry.start());
  }, 5);
  t.teardown(() => clearInterval(watch));
  const run = await work.cli([...deliver, '--json', '--registry', registry.host]);
  clearInterval(watch);
  t.is(run.status, 0, run.stderr);
  t.truthy(killed, 'it was killed while the layer was on its way');
  await killed;
  const inspected = execFileSync('skopeo', ['inspect', '--tls-verify=false', `docker://${registry.host}/app:latest`], {
    encoding: 'utf8',
  });
  t.is((JSON.parse(inspected) as {Digest: unknown}).Digest, answerOf(run.stdout).registries[0]?.digest);
  execFileSync('skopeo', [
    'copy',
    '-q',
    '--src-tls-verify=false',
    `docker://${registry.host}/app:latest`,
    `dir:${join(work.directory, 'copy')}`,
  ]);
});

asRoot('an upload that breaks off is made anew by a registry that cannot take it up', async (t) => {
  if (!hasRegistry(t)) return;
  const upstream = await startRegistry(t);
  let broken = 0;
  const proxy = await breakingProxy(t, upstream, 6 * mebibyte, () => ++broken === 1);
  const work = await built(t, 20 * mebibyte);
  const run = await work.cli([...deliver, '--json', '--registry', proxy.host]);
  t.is(run.status, 0, run.stderr);
  const patches = proxy.requests.filter(({method}) => method === 'PATCH');
  t.is(patches.length, 2);
  // This registry gives an upload up whose last piece was not whole.
  t.is(patches[1]?.range, undefined);
});

asRoot('a token that has ended meanwhile is renewed', async (t) => {
  if (!hasRegistry(t)) return;
  const tokens = await startTokenServer(t);
  const {realm, service, certificate} = tokens;
  const upstream = await startRegistry(t, {kind: 'token', realm, service, certificate});
  let refused: string | undefined;
  const proxy = await recordingProxy(t, upstream, ({method, authorization}, response) => {
    // The token that was good for the upload is no longer when it is closed.
    if (method === 'PUT' && refused === undefined) refused = authorization;
    if (refused === undefined || authorization !== refused) return false;
    response.writeHead(401, {'www-authenticate': `Bearer realm="${realm}",service="${service}"`}).end();
    return true;
  });
  const work = await built(t, 8 * mebibyte);
  const run = await work.cli(
    [...deliver, '--json'],
    triple('A', proxy.host, registryUser.username, registryUser.password),
  );
  t.is(run.status, 0, run.stderr);
  t.truthy(refused);
  t.is(tokens.requests.length, 2);
});

asRoot('a large layer is sent in little memory', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  // BUILD_IMAGE_LONG_TESTS=1: a layer of 1 GiB.
  const work = await built(t, (process.env['BUILD_IMAGE_LONG_TESTS'] === '1' ? 1024 : 160) * mebibyte);
  let peak = 0;
  const look = (pid: number) => {
    const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    peak = Math.max(peak, Number(kilobytes ?? 0));
  };
  let timer: NodeJS.Timeout | undefined;
  const run = await work.cli(
    [...deliver, '--json', '--registry', host],
    {},
    {
      onProgress: (_, pid) => {
        timer ??= setInterval(() => {
          try {
            look(pid);
          } catch {
            clearInterval(timer);
          }
        }, 20);
      },
    },
  );
  clearInterval(timer);
  t.is(run.status, 0, run.stderr);
  t.log(`peak of resident memory: ${Math.round(peak / 1024)} MiB`);
  t.true(peak > 0 && peak < 200 * 1024, `${peak} KiB`);
});

asRoot('one registry that is down does not keep the others from theirs; a second run brings the rest', async (t) => {
  if (!hasRegistry(t)) return;
  const [one, two] = [await startRegistry(t), await restartableRegistry(t)];
  const work = await built(t, mebibyte);
  await two.kill();
  const places = ['--registry', `ONE=${one}`, '--registry', `TWO=${two.host}`];
  const first = await work.cli([...deliver, '--json', ...places]);
  t.is(first.status, 1, first.stderr);
  t.regex(first.stderr, /TWO: cannot reach the registry/);
  t.deepEqual(
    answerOf(first.stdout).registries.map(({digest}) => digest === null),
    [false, true],
  );
  await two.start();
  const second = await work.cli([...deliver, '--json', ...places]);
  t.is(second.status, 0, second.stderr);
  t.deepEqual(
    answerOf(second.stdout).registries.map(({sent}) => sent > 0),
    [false, true],
  );
});

asRoot('a registry takes layers over from another of its repositories', async (t) => {
  if (!hasRegistry(t)) return;
  const proxy = await recordingProxy(t, await startRegistry(t));
  const work = await built(t, 6 * mebibyte);
  const first = await work.cli([...deliver, '--registry', `${proxy.host}/one`]);
  t.is(first.status, 0, first.stderr);
  proxy.requests.length = 0;
  const second = await work.cli([...deliver, '--registry', `${proxy.host}/two`, '--json']);
  t.is(second.status, 0, second.stderr);
  t.true(uploads(proxy).some(({method, url}) => method === 'POST' && /mount=sha256/.test(url)));
  t.deepEqual(
    proxy.requests.filter(({method}) => method === 'PATCH'),
    [],
  );
  t.true((answerOf(second.stdout).registries[0]?.sent ?? Infinity) < 10_000);
  const wrong = await work.cli([...deliver, '--sbom', 'maybe', '--registry', proxy.host]);
  t.is(wrong.status, 2, wrong.stderr);
});

asRoot('build --deliver builds and delivers; a registry that says to wait is waited for', async (t) => {
  if (!hasRegistry(t)) return;
  let limited = 0;
  const proxy = await recordingProxy(t, await startRegistry(t), ({method}, response) => {
    if (method !== 'POST' || ++limited > 1) return false;
    response.writeHead(429, {'retry-after': '1'}).end();
    return true;
  });
  const work = checkout(t, mebibyte);
  const run = await work.cli(['build', '--driver', 'embedded', '--deliver', '--registry', proxy.host, '--json', '.']);
  t.is(run.status, 0, run.stderr);
  const {delivered} = JSON.parse(run.stdout) as {delivered: Answer};
  t.truthy(delivered.registries[0]?.digest);
  t.true(limited > 1);
  const wrong = await work.cli(
    ['build', '--driver', 'embedded', '--deliver', '.'],
    triple('A', 'No/Registry', 'u', 'key-of-a'),
  );
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /^build-image: A_REPO "No\/Registry" is not a registry/, 'it is told before anything is built');
  const nothing = await work.cli(['build', '--driver', 'embedded', '--deliver', '.']);
  t.is(nothing.status, 0, nothing.stderr);
  t.regex(nothing.stderr, /no registry and no package repository is configured/);
});

asRoot('policy labels put the commit into the image', async (t) => {
  const work = checkout(t, 1000);
  writeFileSync(join(work.directory, 'build-image.yaml'), 'deliver:\n  labels: true\n');
  const run = await work.cli([
    'build',
    '--driver',
    'embedded',
    '--output',
    'type=docker,dest=image.tar',
    '--no-artifacts',
    '.',
  ]);
  t.is(run.status, 0, run.stderr);
  const config = execFileSync(
    'skopeo',
    ['inspect', '--config', `docker-archive:${join(work.directory, 'image.tar')}`],
    {encoding: 'utf8'},
  );
  const {Labels: labels} = (JSON.parse(config) as {config: {Labels: Record<string, string>}}).config;
  t.is(labels['org.opencontainers.image.created'], '2024-05-06T07:08:09Z');
  t.regex(labels['org.opencontainers.image.revision'] ?? '', /^[0-9a-f]{40}$/);
});

asRoot('an image of a daemon is delivered, and pulled again by it', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined || !hasRegistry(t)) return;
  const host = await startRegistry(t);
  const work = checkout(t, 3 * mebibyte);
  const environment = {DOCKER_HOST: `unix://${daemon.socket}`};
  const name = `${host}/team/app:1`;
  const run = await work.cli(
    [
      'build',
      '--driver',
      'docker',
      '-t',
      name,
      '--deliver',
      '--registry',
      `${host}/team`,
      '--json',
      '--no-artifacts',
      '.',
    ],
    environment,
  );
  t.is(run.status, 0, run.stderr);
  const {configDigest, delivered} = JSON.parse(run.stdout) as {configDigest: string; delivered: Answer};
  const client = createRegistryClient({credentials: () => Promise.resolve(undefined)});
  t.teardown(() => client.close());
  const found = await client.resolve(
    parseReference(`${host}/team/app:latest`),
    {os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : 'arm64'},
    signal,
  );
  t.is<string, string>(found.configDigest, configDigest);
  const digest = delivered.registries[0]?.digest ?? '';
  const docker = (...args: readonly string[]) =>
    execFileSync('docker', ['-H', `unix://${daemon.socket}`, ...args], {encoding: 'utf8', stdio: 'pipe'});
  docker('rmi', '-f', name);
  t.regex(docker('pull', `${host}/team/app:latest`), new RegExp(digest));
  t.is(docker('image', 'inspect', '--format', '{{.Id}}', `${host}/team/app:latest`).trim(), configDigest);
  docker('rmi', '-f', `${host}/team/app:latest`);
});
