import {execFileSync, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {namesIn, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, type DaemonKind} from '../helpers/daemon.js';
import {freePort} from '../helpers/free-port.js';

test('contexts: a tar and a Dockerfile on standard input, a Dockerfile outside', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, tag, temporary} = workshop(t, daemon, {
    'context/a.txt': 'a',
    'context/Dockerfile': 'FROM scratch\nCOPY a.txt /from-context\n',
    'context/b/Other': 'FROM scratch\nCOPY a.txt /from-other\n',
    'outside/Dockerfile': 'FROM scratch\nCOPY a.txt /from-outside\n',
  });
  const files = async (args: readonly string[], options = {}): Promise<string> => {
    const built = await cli(['--driver', 'docker', '-t', tag, '-o', '-', ...args], options);
    t.is(built.status, 0, built.stderr);
    return built.stdout.match(/from-\w+|named/)?.[0] ?? '';
  };
  t.is(await files(['-f', 'outside/Dockerfile', 'context']), 'from-outside');
  t.is(await files(['-f', '-', 'context'], {stdin: 'FROM scratch\nCOPY a.txt /from-stdin\n'}), 'from-stdin');
  t.is(await files(['-'], {stdin: 'FROM scratch\nWORKDIR /from-text\n'}), 'from-text');
  const tar = execFileSync('tar', ['-C', join(root, 'context'), '-czf', '-', '.']);
  t.is(await files(['-'], {stdin: tar}), 'from-context');
  t.is(await files(['-f', 'b/Other', '-'], {stdin: tar}), 'from-other');
  t.deepEqual(namesIn(temporary), []);
});

test('a Git URL is a context: a branch, and a directory in it', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  const {cli, root, tag, temporary} = workshop(t, daemon, {
    'repository/Dockerfile': 'FROM scratch\nCOPY a.txt /from-main\n',
    'repository/a.txt': 'a',
    'repository/sub/Dockerfile': 'FROM scratch\nCOPY s.txt /from-sub\n',
    'repository/sub/s.txt': 's',
  });
  const repository = join(root, 'repository');
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      stdio: 'pipe',
    });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '-m', 'one');
  git('checkout', '--quiet', '-b', 'branch');
  execFileSync('sed', ['-i', 's/from-sub/from-branch/', join(repository, 'sub/Dockerfile')]);
  git('commit', '--quiet', '-am', 'two');
  git('checkout', '--quiet', 'main');
  const port = await freePort();
  // In the foreground, so that the process that is ended is the server.
  const server = spawn(
    'git',
    [
      'daemon',
      '--export-all',
      '--reuseaddr',
      '--listen=127.0.0.1',
      `--port=${port}`,
      `--base-path=${root}`,
      '--verbose',
      root,
    ],
    {stdio: ['ignore', 'ignore', 'pipe'], detached: true},
  );
  t.teardown(() => process.kill(-(server.pid ?? 0), 'SIGKILL'));
  await new Promise<void>((done) => server.stderr.on('data', (said: Buffer) => said.includes('Ready') && done()));
  for (const [url, expected] of [
    [`git://127.0.0.1:${port}/repository/.git`, 'from-main'],
    [`git://127.0.0.1:${port}/repository/.git#main:sub`, 'from-sub'],
    [`git://127.0.0.1:${port}/repository/.git#branch:sub`, 'from-branch'],
  ] as const) {
    const built = await cli(['--driver', 'docker', '-t', tag, '-o', '-', url]);
    t.is(built.status, 0, built.stderr);
    t.is(/from-\w+/.exec(built.stdout)?.[0], expected);
  }
  t.deepEqual(namesIn(temporary), []);
});

const named = test.macro<[DaemonKind]>({
  async exec(t, kind) {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const base = await busyboxImage(daemon);
    const {cli, tag} = workshop(t, daemon, {
      'context/Dockerfile': 'FROM base AS one\nCOPY --from=more b.txt /named\nFROM scratch\nCOPY --from=one /named /\n',
      'more/b.txt': 'b',
    });
    const contexts = ['--build-context', 'more=more', '--build-context', `base=docker-image://${base}`];
    const built = await cli(['--driver', 'docker', '-t', tag, '-o', '-', ...contexts, 'context']);
    if (kind === 'current') {
      t.is(built.status, 0, built.stderr);
      t.true(built.stdout.startsWith('named'));
    } else {
      t.is(built.status, 2, built.stderr);
      t.regex(built.stderr, /--build-context/);
    }
  },
  title: (_, kind) =>
    kind === 'current' ? 'named contexts: a directory and an image' : 'named contexts that the daemon lacks are said',
});
test(named, 'debian');
test(named, 'current');

for (const [name, command] of [
  ['a.tar.xz', ['xz', '-c']],
  ['b.tar.xz', ['xz', '-c', '--check=sha256']],
  ['c.tar.zst', ['zstd', '-qc']],
  ['d.tar.bz2', ['bzip2', '-c']],
] as const) {
  test(`ADD unpacks an archive that comes in many pieces: ${command.join(' ')}`, async (t) => {
    const {cli, root} = workshop(t, undefined, {Dockerfile: `FROM scratch\nADD ${name} /x/\n`});
    const bytes = randomBytes(1_000_000);
    writeFileSync(join(root, 'data'), bytes);
    const tar = execFileSync('tar', ['-C', root, '-c', 'data'], {maxBuffer: 2_000_000});
    const [program, ...args] = command;
    writeFileSync(join(root, name), execFileSync(program, args, {input: tar, maxBuffer: 2_000_000}));
    const {status, stderr} = await cli(['--driver', 'embedded', '--output', 'out']);
    t.is(status, 0, stderr);
    t.true(readFileSync(join(root, 'out/x/data')).equals(bytes));
  });
}
