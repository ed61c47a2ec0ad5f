import {execFile} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {request} from 'node:http';
import {join} from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const run = promisify(execFile);
const root = process.getuid?.() === 0;

interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `scripts/dockerd` with its exit status, which never rejects. */
async function dockerd(...args: readonly string[]): Promise<Outcome> {
  try {
    return {status: 0, ...(await run('scripts/dockerd', args))};
  } catch (error) {
    const failed = error as {code: number; stdout: string; stderr: string};
    return {status: failed.code, stdout: failed.stdout, stderr: failed.stderr};
  }
}

/** Status of `GET /_ping` on the daemon's socket; 0 where nobody listens. */
const ping = (socketPath: string) =>
  new Promise<number>((resolve) => {
    request({socketPath, path: '/_ping'}, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .on('error', () => resolve(0))
      .end();
  });

/** Pids of processes that name `text` on their command line. */
function processesNaming(text: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  });
}

const mountsBelow = (directory: string) =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${directory}/`));

test('the private daemon starts, answers, is found again by a second start, and stops without a trace', async (t) => {
  if (!available(t, root, 'only root can start a daemon')) return;
  const directory = join(temporaryDirectory(t), 'd');
  t.teardown(() => dockerd('stop', '--dir', directory));
  const host = `DOCKER_HOST=unix://${directory}/docker.sock\n`;

  t.is((await dockerd('status', '--dir', directory)).status, 3);
  t.like(await dockerd('start', '--dir', directory), {status: 0, stdout: host});
  t.is(await ping(`${directory}/docker.sock`), 200);
  const pid = readFileSync(join(directory, 'dockerd.pid'), 'utf8');
  t.like(await dockerd('start', `--dir=${directory}`), {status: 0, stdout: host});
  t.is(readFileSync(join(directory, 'dockerd.pid'), 'utf8'), pid);
  t.like(await dockerd('env', '--dir', directory), {status: 0, stdout: host});
  t.is((await dockerd('status', '--dir', directory)).status, 0);

  t.is((await dockerd('stop', '--dir', directory)).status, 0);
  t.false(existsSync(directory));
  t.deepEqual(mountsBelow(directory), []);
  t.deepEqual(processesNaming(directory), []);
  t.is((await dockerd('stop', '--dir', directory)).status, 0);
});

test('what a killed daemon left is ended by stop, and a start after the kill works', async (t) => {
  if (!available(t, root, 'only root can start a daemon')) return;
  const directory = join(temporaryDirectory(t), 'd');
  t.teardown(() => dockerd('stop', '--dir', directory));
  await dockerd('start', '--dir', directory);
  process.kill(Number(readFileSync(join(directory, 'dockerd.pid'), 'utf8')), 'SIGKILL');
  t.is((await dockerd('status', '--dir', directory)).status, 3);
  t.is((await dockerd('start', '--dir', directory)).status, 0);
  t.is(await ping(`${directory}/docker.sock`), 200);
  process.kill(Number(readFileSync(join(directory, 'dockerd.pid'), 'utf8')), 'SIGKILL');
  t.is((await dockerd('stop', '--dir', directory)).status, 0);
  t.deepEqual(processesNaming(directory), []);
  t.deepEqual(mountsBelow(directory), []);
});

test('two starts at once make one daemon', async (t) => {
  if (!available(t, root, 'only root can start a daemon')) return;
  const directory = join(temporaryDirectory(t), 'd');
  t.teardown(() => dockerd('stop', '--dir', directory));
  const outcomes = await Promise.all([dockerd('start', '--dir', directory), dockerd('start', '--dir', directory)]);
  t.deepEqual(
    outcomes.map(({status}) => status),
    [0, 0],
  );
  t.is(processesNaming(`${directory}/data`).length, 1);
});

test('stop with --keep leaves the data of the daemon for the next start', async (t) => {
  if (!available(t, root, 'only root can start a daemon')) return;
  const directory = join(temporaryDirectory(t), 'd');
  t.teardown(() => dockerd('stop', '--dir', directory));
  await dockerd('start', '--dir', directory);
  t.is((await dockerd('stop', '--keep', '--dir', directory)).status, 0);
  t.true(existsSync(join(directory, 'data')));
  t.deepEqual(processesNaming(directory), []);
});

test('stop removes no directory that start did not make', async (t) => {
  const directory = temporaryDirectory(t);
  const outcome = await dockerd('stop', '--dir', directory);
  t.is(outcome.status, 1);
  t.true(existsSync(directory));
});

const usage = test.macro({
  async exec(t, args: readonly string[]) {
    t.is((await dockerd(...args)).status, 2);
  },
  title: (_, args: readonly string[]) => `wrong usage ends with status 2: scripts/dockerd ${args.join(' ')}`,
});
for (const args of [
  [],
  ['restart'],
  ['start', '--dir'],
  ['start', '--verbose'],
  ['env', '--dir', '/'],
  ['env', '--dir', '/a b'],
]) {
  test(usage, args);
}
test('a directory too deep for a socket path is refused before anything starts', async (t) => {
  const outcome = await dockerd('env', '--dir', `/${'d'.repeat(100)}`);
  t.is(outcome.status, 2);
  t.regex(outcome.stderr, /too long/);
});
