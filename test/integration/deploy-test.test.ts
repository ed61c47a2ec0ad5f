import {spawn} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {daemonOrSkip, type TestDaemon} from '../helpers/daemon.js';

interface Ended {
  readonly status: number | null;
  readonly text: string;
}

/** Runs the script against the daemon; SIGINT, to it and all it started as from a terminal, once `interrupt` is printed. */
async function deployTest(t: ExecutionContext, {socket}: TestDaemon, interrupt?: string): Promise<Ended> {
  const temporary = mkdtempSync(join(tmpdir(), 'deploy-test-'));
  t.teardown(() => rmSync(temporary, {recursive: true, force: true}));
  const child = spawn('scripts/deploy-test', [], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {...process.env, DOCKER_HOST: `unix://${socket}`, TMPDIR: temporary},
  });
  let text = '';
  let interrupted = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (interrupt === undefined || interrupted || !text.includes(interrupt) || child.pid === undefined) return;
      interrupted = true;
      process.kill(-child.pid, 'SIGINT');
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve).on('error', reject);
  });
  t.deepEqual(readdirSync(temporary), [], 'no file is left');
  return {status, text};
}

/** Containers, volumes, networks and images of any run. */
async function remains({docker}: TestDaemon): Promise<readonly string[]> {
  const [containers, volumes, networks, images] = await Promise.all([
    docker.listContainers({all: true}),
    docker.listVolumes(),
    docker.listNetworks(),
    docker.listImages(),
  ]);
  return [
    ...containers.flatMap(({Names}) => Names),
    ...volumes.Volumes.map(({Name}) => Name),
    ...networks.map(({Name}) => Name),
    ...images.flatMap(({RepoTags}) => RepoTags ?? []),
  ].filter((name) => name.includes('deploytest'));
}

test.serial('the stack runs what was built, serves those who use it, and is taken down', async (t) => {
  t.timeout(900_000);
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {status, text} = await deployTest(t, daemon);
  t.is(status, 0, text);
  t.is(text.match(/^ok {2}/gm)?.length, 9, text);
  t.deepEqual(await remains(daemon), []);
});

test.serial('Ctrl-C takes the stack down', async (t) => {
  t.timeout(900_000);
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {status, text} = await deployTest(t, daemon, 'ok  the page is served');
  t.is(status, 130, text);
  t.regex(text, /deploy-test: failed \(status 130\)/);
  t.deepEqual(await remains(daemon), []);
});
