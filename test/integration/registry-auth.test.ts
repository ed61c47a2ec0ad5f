import {execFileSync, spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {namesIn, workshop, type Workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, leftovers, type TestDaemon} from '../helpers/daemon.js';
import {freePort} from '../helpers/free-port.js';
import {available} from '../helpers/requirement.js';
import {writeTree} from '../helpers/tree.js';

/** A registry that lets in ann with the password right-password. */
async function registry(t: ExecutionContext, {temporary, root}: Workshop): Promise<string> {
  const directory = join(root, '..', 'registry');
  const host = `127.0.0.1:${await freePort()}`;
  const users = execFileSync('htpasswd', ['-Bbn', '-C', '5', 'ann', 'right-password']).toString();
  const config = [
    'version: 0.1',
    'log: {level: error}',
    `storage: {filesystem: {rootdirectory: ${directory}/data}}`,
    `http: {addr: "${host}"}`,
    `auth: {htpasswd: {realm: test, path: ${directory}/users}}`,
    '',
  ];
  writeTree(directory, {users, 'config.yml': config.join('\n')});
  const server = spawn('docker-registry', ['serve', join(directory, 'config.yml')], {stdio: 'ignore', cwd: temporary});
  t.teardown(() => server.kill('SIGKILL'));
  for (let tries = 0; tries < 100; tries++) {
    if (
      await fetch(`http://${host}/v2/`).then(
        ({status}) => status === 401,
        () => false,
      )
    )
      return host;
    await sleep(50);
  }
  throw new Error('the registry does not answer');
}

const configFor = (host: string, password: string): string =>
  JSON.stringify({auths: {[host]: {auth: Buffer.from(`ann:${password}`).toString('base64')}}});

async function push({docker}: TestDaemon, base: string, host: string): Promise<string> {
  const image = `${host}/team/base:1`;
  await docker.getImage(base).tag({repo: `${host}/team/base`, tag: '1'});
  const authconfig = {username: 'ann', password: 'right-password', serveraddress: host};
  const stream = await docker.getImage(image).push({authconfig});
  for await (const said of stream) if (String(said).includes('"error"')) throw new Error(String(said));
  await docker.getImage(image).remove({force: true, noprune: true});
  return image;
}

test('a registry that refuses the credentials is named, with what to do; the right ones build', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const tools = ['/usr/bin/docker-registry', '/usr/bin/htpasswd'].every((path) => existsSync(path));
  if (!available(t, tools, 'docker-registry and htpasswd')) return;
  const shop = workshop(t, daemon);
  const {cli, root, temporary, run, tag} = shop;
  const host = await registry(t, shop);
  const image = await push(daemon, await busyboxImage(daemon), host);
  t.teardown(() =>
    daemon.docker
      .getImage(image)
      .remove({force: true, noprune: true})
      .catch(() => undefined),
  );
  writeTree(root, {
    Dockerfile: `FROM ${image}\nLABEL run=${run}\nRUN echo pulled\n`,
    '.docker-wrong/config.json': configFor(host, 'wrong-password'),
    '.docker-right/config.json': configFor(host, 'right-password'),
    '.docker-none/config.json': '{}',
  });
  const build = (config: string, ...more: string[]) =>
    cli(['--driver', 'docker', '-t', tag, '--progress', 'rawjson', ...more], {
      env: {DOCKER_CONFIG: join(root, `.docker-${config}`)},
    });
  for (const config of ['wrong', 'none']) {
    const refused = await build(config, '--pull');
    t.is(refused.status, 1, refused.stderr);
    const said = refused.stderr.slice(refused.stderr.indexOf('build-image: '));
    t.regex(said, /^build-image: Dockerfile:1: /);
    t.true(said.includes(`docker login ${host}`), said);
    t.notRegex(refused.stderr, /wrong-password|YW5u/, 'neither the password nor its encoded form');
    t.notRegex(refused.stderr, /^\s+at .*:\d+:\d+/m);
  }
  const allowed = await build('right', '--pull');
  t.is(allowed.status, 0, allowed.stderr);
  t.notRegex(allowed.stderr, /right-password/);
  t.deepEqual(namesIn(temporary), []);
  t.deepEqual(await leftovers(daemon, `run=${run}`), {containers: [], untagged: []});
});
