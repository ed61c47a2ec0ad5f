import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import {gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {pack} from 'tar-stream';
import {openContext, type ContextOptions, type OpenedContext} from '../../engine/context/open-context.js';
import {isGitUrl, parseGitUrl} from '../../engine/context/source/git-url.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const {signal} = new AbortController();
const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('build-image-context-'));

async function pathsOf(context: OpenedContext): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of context.walk(signal)) paths.push(entry.path);
  return paths;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}

test('a tar that never ends after its entries is refused, and leaves nothing', async (t) => {
  // eslint-disable-next-line @typescript-eslint/require-await -- as a device gives them
  async function* zeros(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(1024 * 1024);
  }
  const opened = openContext('-', {stdin: zeros()}, AbortSignal.timeout(20_000));
  await t.throwsAsync(opened, {code: 'CONTEXT_INVALID', message: /does not end after its last entry/});
});

interface Member {
  readonly name: string;
  readonly type?: 'file' | 'symlink' | 'link' | 'directory' | 'character-device' | 'fifo';
  readonly linkname?: string;
  readonly content?: string;
}

async function tarOf(members: readonly Member[]): Promise<Buffer> {
  const archive = pack();
  for (const {content, ...header} of members) archive.entry(header, content ?? '');
  archive.finalize();
  return buffer(archive);
}

const fromStdin = (bytes: Uint8Array, options: ContextOptions = {}) =>
  openContext('-', {...options, stdin: once(bytes)}, signal);

const compressions: Readonly<Record<string, (tar: Buffer) => Buffer>> = {
  plain: (tar) => tar,
  gzip: (tar) => gzipSync(tar),
  bzip2: (tar) => execFileSync('bzip2', ['-c'], {input: tar}),
  xz: (tar) => execFileSync('xz', ['-c'], {input: tar}),
  zstd: (tar) => execFileSync('zstd', ['-qc'], {input: tar}),
};

for (const [name, compress] of Object.entries(compressions)) {
  test.serial(`a tarball on standard input is unpacked: ${name}`, async (t) => {
    const tar = await tarOf([
      {name: 'Dockerfile', content: 'FROM scratch\n'},
      {name: 'a/b', content: 'x'.repeat(100_000)},
    ]);
    const context = await fromStdin(compress(tar));
    t.deepEqual(await pathsOf(context), ['Dockerfile', 'a', 'a/b']);
    t.is(readFileSync(join(context.root, 'a/b'), 'utf8').length, 100_000);
    await context.close();
    await context.close();
    t.false(existsSync(context.root));
  });

  test.serial(`a damaged tarball leaves nothing behind: ${name}`, async (t) => {
    const before = leftovers();
    const whole = compress(await tarOf([{name: 'a', content: Buffer.alloc(50_000, 'ab\n1').toString()}]));
    await t.throwsAsync(fromStdin(whole.subarray(0, Math.floor(whole.length / 2))), {code: 'CONTEXT_INVALID'});
    t.deepEqual(leftovers(), before);
  });
}

test.serial('text on standard input is the Dockerfile of an empty context', async (t) => {
  const context = await fromStdin(Buffer.from('FROM scratch\n'));
  t.is(context.dockerfileText, 'FROM scratch\n');
  t.is(context.kind, 'dockerfile');
  t.deepEqual(await pathsOf(context), ['Dockerfile']);
  await context.close();
});

for (const [name, bytes] of [
  ['nothing', Buffer.alloc(0)],
  ['bytes that are no text', Buffer.from([1, 2, 0, 3])],
] as const) {
  test.serial(`${name} on standard input is no context`, async (t) => {
    await t.throwsAsync(fromStdin(bytes), {code: 'CONTEXT_INVALID'});
  });
}

const hostile: Readonly<Record<string, readonly Member[]>> = {
  'a name that climbs out': [{name: '../evil', content: 'x'}],
  'a name that climbs out later': [{name: 'a/../../evil', content: 'x'}],
  'a file through a symbolic link': [
    {name: 'out', type: 'symlink', linkname: '/tmp'},
    {name: 'out/evil', content: 'x'},
  ],
  'a directory through a symbolic link': [
    {name: 'out', type: 'symlink', linkname: '..'},
    {name: 'out/evil', type: 'directory'},
  ],
  'a hard link to a path outside': [{name: 'passwd', type: 'link', linkname: '../../etc/passwd'}],
  'a hard link through a symbolic link': [
    {name: 'etc', type: 'symlink', linkname: '/etc'},
    {name: 'passwd', type: 'link', linkname: 'etc/passwd'},
  ],
  'a hard link to an absolute path': [{name: 'passwd', type: 'link', linkname: '/etc/passwd'}],
  'a file below a file': [
    {name: 'a', content: 'x'},
    {name: 'a/b', content: 'x'},
  ],
  'a device': [{name: 'null', type: 'character-device'}],
  'a FIFO': [{name: 'pipe', type: 'fifo'}],
};

for (const [name, members] of Object.entries(hostile)) {
  test.serial(`an archive with ${name} is refused and nothing is left behind`, async (t) => {
    const before = leftovers();
    await t.throwsAsync(fromStdin(await tarOf(members)), {code: 'CONTEXT_INVALID'});
    t.deepEqual(leftovers(), before);
    t.false(existsSync(join(tmpdir(), 'evil')));
  });
}

test.serial('absolute names, later entries and links that lead out stay inside the root', async (t) => {
  const context = await fromStdin(
    await tarOf([
      {name: '/etc/passwd', content: 'mine'},
      {name: 'link', type: 'symlink', linkname: '/etc/shadow'},
      {name: 'link', content: 'replaced'},
      {name: 'd/x', content: ''},
      {name: 'd', content: 'now a file'},
      {name: 'again', type: 'link', linkname: 'd'},
    ]),
  );
  t.deepEqual(await pathsOf(context), ['again', 'd', 'etc', 'etc/passwd', 'link']);
  t.is(readFileSync(join(context.root, 'link'), 'utf8'), 'replaced');
  t.is(readFileSync(join(context.root, 'again'), 'utf8'), 'now a file');
  await context.close();
});

test.serial('an archive that unfolds to more than the limit is refused', async (t) => {
  const tar = gzipSync(await tarOf([{name: 'zeros', content: '\0'.repeat(1_000_000)}]));
  await t.throwsAsync(fromStdin(tar, {limits: {bytes: 1000, entries: 10}}), {
    code: 'CONTEXT_INVALID',
    message: /1000 bytes/,
  });
});

test.serial('an ignore file that is a link to itself cannot be read', async (t) => {
  const tar = await tarOf([
    {name: '.dockerignore', type: 'symlink', linkname: '.dockerignore'},
    {name: 'f', content: 'f'},
  ]);
  await t.throwsAsync(fromStdin(tar), {code: 'CONTEXT_UNREADABLE', message: /cannot read the ignore file/});
});

test.serial('an ignore file that is a link out of a fetched context is refused', async (t) => {
  const tar = await tarOf([{name: '.dockerignore', type: 'symlink', linkname: '/etc/passwd'}]);
  await t.throwsAsync(fromStdin(tar), {code: 'CONTEXT_INVALID', message: /leads out/});
});

function repository(t: ExecutionContext): string {
  const root = join(temporaryDirectory(t), 'repo.git');
  writeTree(root, {
    Dockerfile: 'FROM scratch\n',
    'sub/Dockerfile': 'FROM scratch\n',
    'sub/x': '1',
    '.dockerignore': 'no\n',
    no: '',
  });
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false', ...args], {
      cwd: root,
      encoding: 'utf8',
      stdio: 'pipe',
    });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'one');
  git('tag', 'v1');
  git('checkout', '-q', '-b', 'other');
  writeFileSync(join(root, 'new'), '');
  git('add', '-A');
  git('commit', '-qm', 'two');
  git('checkout', '-q', 'main');
  return root;
}

test.serial(
  'a Git context is its files without .git, at the ref and in the directory that the URL names',
  async (t) => {
    const root = repository(t);
    const url = `file://${root}`;
    const commit = execFileSync('git', ['rev-parse', 'other'], {cwd: root, encoding: 'utf8'}).trim();
    const cases: readonly (readonly [string, readonly string[]])[] = [
      [url, ['.dockerignore', 'Dockerfile', 'sub', 'sub/Dockerfile', 'sub/x']],
      [`${url}#other`, ['.dockerignore', 'Dockerfile', 'new', 'sub', 'sub/Dockerfile', 'sub/x']],
      [`${url}#v1:sub`, ['Dockerfile', 'x']],
      [`${url}#:sub`, ['Dockerfile', 'x']],
      [`${url}#${commit}`, ['.dockerignore', 'Dockerfile', 'new', 'sub', 'sub/Dockerfile', 'sub/x']],
      [`${url}?branch=other&subdir=sub`, ['Dockerfile', 'x']],
      [`${url}?tag=v1`, ['.dockerignore', 'Dockerfile', 'sub', 'sub/Dockerfile', 'sub/x']],
      [
        `${url}?branch=other&checksum=${commit.slice(0, 12)}`,
        ['.dockerignore', 'Dockerfile', 'new', 'sub', 'sub/Dockerfile', 'sub/x'],
      ],
    ];
    for (const [spec, paths] of cases) {
      const context = await openContext(spec, {}, signal);
      t.deepEqual(await pathsOf(context), paths, spec);
      await context.close();
    }
    const kept = await openContext(url, {keepGit: true}, signal);
    t.true((await pathsOf(kept)).includes('.git/HEAD'));
    await kept.close();
  },
);

test.serial('a Git context that cannot be had is one error and leaves nothing behind', async (t) => {
  const url = `file://${repository(t)}`;
  const before = leftovers();
  await t.throwsAsync(openContext(`${url}#absent`, {}, signal), {code: 'GIT_FAILED', message: /absent/});
  await t.throwsAsync(openContext(`${url}#main:absent`, {}, signal), {code: 'CONTEXT_NOT_FOUND'});
  await t.throwsAsync(openContext(`${url}#main:../..`, {}, signal), {code: 'CONTEXT_NOT_FOUND'});
  await t.throwsAsync(openContext(`${url}?checksum=0000000`, {}, signal), {code: 'GIT_FAILED'});
  await t.throwsAsync(openContext('https://user:hunter22@localhost:1/x.git', {}, signal), {
    message: /^(?!.*hunter22)/s,
  });
  t.deepEqual(leftovers(), before);
});

test.serial('fetching ends when it is aborted, with the reason', async (t) => {
  const server = createServer(() => undefined).listen(0, '127.0.0.1');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const {port} = server.address() as AddressInfo;
  const before = leftovers();
  for (const spec of [`http://127.0.0.1:${port}/a.git`, `http://127.0.0.1:${port}/a.tar`]) {
    const reason = new Error('enough');
    const started = Date.now();
    await t.throwsAsync(openContext(spec, {}, abortAfter(300, reason)), {is: reason});
    t.true(Date.now() - started < 2000);
  }
  t.deepEqual(leftovers(), before);
});

function abortAfter(milliseconds: number, reason: Error): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), milliseconds);
  return controller.signal;
}

test.serial('a tarball is fetched from a URL, and its password goes to no other origin', async (t) => {
  const tar = gzipSync(await tarOf([{name: 'Dockerfile', content: 'FROM scratch\n'}]));
  const seen: (string | undefined)[] = [];
  const second = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.end(tar);
  }).listen(0, '127.0.0.1');
  const first = createServer((request, response) => {
    seen.push(request.headers.authorization);
    const {port} = second.address() as AddressInfo;
    response.writeHead(302, {location: `http://127.0.0.1:${port}/x.tgz`}).end();
  }).listen(0, '127.0.0.1');
  t.teardown(() => {
    first.close();
    second.close();
  });
  await new Promise((resolve) => first.once('listening', resolve));
  const {port} = first.address() as AddressInfo;
  const context = await openContext(`http://me:hunter22@127.0.0.1:${port}/x.tgz`, {}, signal);
  t.deepEqual(await pathsOf(context), ['Dockerfile']);
  t.false(context.name.includes('hunter22'));
  t.deepEqual(seen, [`Basic ${Buffer.from('me:hunter22').toString('base64')}`, undefined]);
  await context.close();
});

test('a directory that is not there, and a file that is no tarball, are said to be so', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'f'), 'text');
  await t.throwsAsync(openContext(join(root, 'absent'), {}, signal), {code: 'CONTEXT_NOT_FOUND'});
  await t.throwsAsync(openContext(join(root, 'f'), {}, signal), {code: 'CONTEXT_INVALID'});
});

const urls: Readonly<Record<string, ReturnType<typeof parseGitUrl> | false>> = {
  'github.com/a/b': git('https://github.com/a/b'),
  'git@host.example:a/b.git#v1:x/y': git('git@host.example:a/b.git', 'v1', 'x/y'),
  'git://host/a#main': git('git://host/a', 'main'),
  'ssh://git@host/a.git': git('ssh://git@host/a.git'),
  'https://host/a.git#refs/heads/x': git('https://host/a.git', 'refs/heads/x'),
  'https://host/a.git?tag=v2&subdir=d': git('https://host/a.git', 'refs/tags/v2', 'd'),
  'https://host/a.tar.gz': false,
  'https://host/a.git/archive.tgz': false,
  'dir/a.git': false,
};

function git(remote: string, ref?: string, subdirectory?: string): ReturnType<typeof parseGitUrl> {
  return {remote, ref, subdirectory, checksum: undefined, keepGit: false, submodules: true};
}

for (const [spec, expected] of Object.entries(urls)) {
  test(`${spec} is ${expected === false ? 'no Git URL' : 'a Git URL'}`, (t) => {
    t.is(isGitUrl(spec), expected !== false);
    if (expected !== false) t.deepEqual(parseGitUrl(spec), expected);
  });
}

for (const query of ['ref=', 'subdir', 'ref=a&ref=a', 'branch=', 'what=1']) {
  test(`the query ?${query} of a Git URL is refused`, (t) => {
    t.throws(() => parseGitUrl(`https://host/a.git?${query}`), {code: 'CONTEXT_INVALID'});
  });
}
