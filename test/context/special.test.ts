import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import {openContext, type OpenedContext} from '../../engine/context/open-context.js';
import {contextTar} from '../../engine/context/tar/context-tar.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const {signal} = new AbortController();
const git = (cwd: string, ...args: readonly string[]): string =>
  execFileSync(
    'git',
    ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'protocol.file.allow=always', ...args],
    {
      cwd,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );

async function pathsOf(context: OpenedContext): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of context.walk(signal)) paths.push(`${entry.type} ${entry.path}`);
  return paths;
}

test('FIFOs and devices are part of the context and of its archive, sockets are of neither', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'build-image-test-'));
  t.teardown(() => rmSync(root, {recursive: true, force: true}));
  writeTree(root, {a: 'x'});
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const devices = process.getuid?.() === 0;
  if (devices) {
    execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
    execFileSync('mknod', [join(root, 'ram'), 'b', '259', '70000']);
  }
  const server = createServer().listen(join(root, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const context = await openContext(root, {}, signal);
  const expected = ['file a', 'fifo fifo', ...(devices ? ['character-device null', 'block-device ram'] : [])];
  t.deepEqual(await pathsOf(context), expected);
  const listed = execFileSync('tar', ['-tvf', '-'], {
    input: await buffer(contextTar(context, {}, signal)),
    encoding: 'utf8',
  });
  t.deepEqual(
    listed
      .trim()
      .split('\n')
      .map((line) => `${line.slice(0, 1)} ${line.trim().split(/\s+/).at(-1) ?? ''}`),
    ['- a', 'p fifo', ...(devices ? ['c null', 'b ram'] : [])],
  );
  if (devices) t.regex(listed, /259,70000/);
});

test('a directory that is removed while it is walked is left out with what was in it', async (t) => {
  const root = temporaryDirectory(t);
  for (let d = 0; d < 3; d++) {
    mkdirSync(join(root, `d${d}`));
    for (let i = 0; i < 1500; i++) writeFileSync(join(root, `d${d}`, `f${i}`), '');
  }
  const context = await openContext(root, {}, signal);
  const paths: string[] = [];
  for await (const entry of context.walk(signal)) {
    if (paths.length === 0) rmSync(join(root, 'd2'), {recursive: true});
    paths.push(entry.path);
  }
  t.is(paths.length, 2 * 1501);
  t.false(paths.some((path) => path.startsWith('d2')));
});

test('a file that is removed after it was listed fails the archive with CONTEXT_CHANGED', async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {a: 'x', b: 'y'});
  const context = await openContext(root, {}, signal);
  const removing = {
    ...context,
    async *batches(stop: AbortSignal) {
      for await (const batch of context.batches(stop)) {
        rmSync(join(root, 'b'));
        yield batch;
      }
    },
  };
  await t.throwsAsync(buffer(contextTar(removing, {}, signal)), {
    code: 'CONTEXT_CHANGED',
    message: /"b" was removed/,
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A Git daemon on the loopback that serves `base`; ended with the test. */
async function gitDaemon(t: ExecutionContext, base: string): Promise<string> {
  const port = await freePort();
  const args = ['--reuseaddr', '--listen=127.0.0.1', `--port=${port}`, '--export-all', `--base-path=${base}`, base];
  const program = join(execFileSync('git', ['--exec-path'], {encoding: 'utf8'}).trim(), 'git-daemon');
  const daemon = spawn(program, args, {stdio: 'ignore'});
  t.teardown(() => daemon.kill());
  for (let i = 0; i < 200; i++) {
    try {
      execFileSync('git', ['ls-remote', `git://127.0.0.1:${port}/app.git`], {stdio: 'ignore'});
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return `git://127.0.0.1:${port}`;
}

test('a context comes from a Git daemon, with its submodules', async (t) => {
  const base = temporaryDirectory(t);
  const [part, app] = [join(base, 'part.git'), join(base, 'app.git')];
  for (const directory of [part, app]) {
    mkdirSync(directory);
    git(directory, 'init', '-q', '-b', 'main');
  }
  writeTree(part, {inner: 'of the submodule\n'});
  git(part, 'add', '-A');
  git(part, 'commit', '-qm', 'part');
  writeTree(app, {Dockerfile: 'FROM scratch\n', 'x/y': ''});
  git(app, 'add', '-A');
  git(app, 'commit', '-qm', 'app');
  const url = await gitDaemon(t, base);
  git(app, 'submodule', '--quiet', 'add', `${url}/part.git`, 'sub');
  git(app, 'commit', '-qm', 'submodule');
  const context = await openContext(`${url}/app.git#main`, {}, signal);
  t.deepEqual(await pathsOf(context), [
    'file .gitmodules',
    'file Dockerfile',
    'directory sub',
    'file sub/.git',
    'file sub/inner',
    'directory x',
    'file x/y',
  ]);
  await context.close();
});
