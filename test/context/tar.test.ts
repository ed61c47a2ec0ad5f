import {execFileSync} from 'node:child_process';
import {linkSync, mkdirSync, truncateSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {extract} from 'tar-stream';
import type {BuildContext} from '../../engine/context/context.js';
import {contextDigests} from '../../engine/context/digest.js';
import {inspectContext, renderContext} from '../../engine/context/inspect.js';
import {openContext} from '../../engine/context/open-context.js';
import {contextTar, type ContextTarOptions} from '../../engine/context/tar/context-tar.js';
import {tarHeader} from '../../engine/context/tar/header.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const {signal} = new AbortController();

async function tarOf(root: string, options: ContextTarOptions = {}): Promise<Buffer> {
  return buffer(contextTar(await openContext(root, {}, signal), options, signal));
}

function gnuUnpacked(t: ExecutionContext, tar: Buffer): string {
  const root = temporaryDirectory(t);
  execFileSync('tar', ['-xpf', '-', '-C', root], {input: tar});
  return root;
}

/** Type, mode, size, time, link target and content of everything, names as bytes in hex. */
const listing = (root: string): string =>
  execFileSync(
    'sh',
    [
      '-c',
      'find . -mindepth 1 -printf "%P|%y|%m|%Ts|%l|%n\\n" | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r md5sum',
    ],
    {cwd: root, encoding: 'latin1'},
  );

test('GNU tar unpacks what was packed: names of any bytes and length, modes, times, links', async (t) => {
  const root = temporaryDirectory(t);
  const long = 'n'.repeat(200);
  writeTree(root, {
    empty: '',
    'é/日本': 'x',
    [`${long}/${long}/${'f'.repeat(99)}`]: 'deep',
    [`p/${'q'.repeat(97)}`]: 'fits',
    exact512: 'x'.repeat(512),
    big: Buffer.alloc(700_001, 'abc'),
    script: {mode: 0o4755, content: '#!/bin/sh\n'},
    secret: {mode: 0o600, content: 's'},
    link: {link: 'absent'},
    longlink: {link: `/${long}`},
    loop: {link: 'loop'},
    dir: {directory: true, mode: 0o1777},
  });
  writeFileSync(Buffer.from([...Buffer.from(`${root}/`), 0xff, 0xfe]), 'raw');
  mkdirSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.alloc(120, 0xe9)]));
  linkSync(join(root, 'big'), join(root, 'zz-same'));
  utimesSync(join(root, 'secret'), -5, -5);
  utimesSync(join(root, 'script'), 9e9, 9e9);
  t.is(listing(gnuUnpacked(t, await tarOf(root))), listing(root));
});

test('the same tree gives the same bytes, whoever owns it', async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {a: '1', 'b/c': '2', d: {link: 'a'}});
  const first = await tarOf(root);
  if (process.getuid?.() === 0) execFileSync('chown', ['-R', '12345:300000', root]);
  t.deepEqual(await tarOf(root), first);
});

test("a file from outside is added, and one in place of the context's own replaces it", async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {Dockerfile: 'FROM old\n', x: ''});
  const tar = await tarOf(root, {
    extra: [
      {path: 'Dockerfile', content: 'FROM new\n'},
      {path: '.dockerfile.0', content: 'FROM out\n'},
    ],
  });
  const unpacked = gnuUnpacked(t, tar);
  const read = (name: string) => execFileSync('cat', [join(unpacked, name)], {encoding: 'utf8'});
  t.is(read('Dockerfile'), 'FROM new\n');
  t.is(read('.dockerfile.0'), 'FROM out\n');
  t.is(execFileSync('tar', ['-tf', '-'], {input: tar, encoding: 'utf8'}), 'Dockerfile\nx\n.dockerfile.0\n');
});

for (const [how, size] of [
  ['grew', 10],
  ['shrank', 1],
  ['grew', 400_000],
  ['shrank', 200_000],
] as const) {
  test(`a file that ${how} (to ${size} bytes) while it is packed fails the archive with CONTEXT_CHANGED`, async (t) => {
    const root = temporaryDirectory(t);
    writeFileSync(join(root, 'f'), Buffer.alloc(size > 1000 ? 300_000 : 5));
    const context = await openContext(root, {}, signal);
    const walk = context.walk.bind(context);
    const changing: BuildContext = {
      name: context.name,
      root,
      ignoreFile: undefined,
      ignorePatterns: [],
      open: (entry) => context.open(entry),
      close: () => context.close(),
      async *walk(stop: AbortSignal) {
        for await (const entry of walk(stop)) {
          truncateSync(join(root, 'f'), size);
          yield entry;
        }
      },
    };
    await t.throwsAsync(buffer(contextTar(changing, {}, signal)), {code: 'CONTEXT_CHANGED', message: /"f"/});
  });
}

test('a file that may not be read fails the archive and names it', (t) => {
  if (process.getuid?.() !== 0) {
    t.pass();
    return;
  }
  const root = temporaryDirectory(t);
  writeTree(root, {open: '', closed: {mode: 0o000, content: 'x'}});
  execFileSync('chmod', ['755', root]);
  const program = `
    const {openContext} = await import('${process.cwd()}/dist/engine/context/open-context.js');
    const {contextTar} = await import('${process.cwd()}/dist/engine/context/tar/context-tar.js');
    const {signal} = new AbortController();
    try { for await (const c of contextTar(await openContext('${root}', {}, signal), {}, signal)); }
    catch (e) { console.log(e.code, e.message, e.details.remedy); }`;
  const setpriv = [
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  ];
  const said = execFileSync('setpriv', setpriv, {encoding: 'utf8', cwd: '/'});
  t.regex(said, /^CONTEXT_UNREADABLE .*"closed".*permission denied.*chmod.*\.dockerignore/);
});

test('tar-stream reads every header as it was meant', async (t) => {
  const name = fc
    .array(fc.constantFrom('a', 'é', '/x', '日', 'b'.repeat(60)), {minLength: 1, maxLength: 6})
    .map((parts) => `r${parts.join('')}`);
  const fields = fc.record({
    path: name,
    mode: fc.integer({min: 1, max: 0o7777}),
    mtime: fc.integer({min: 0, max: 8 ** 11 - 1}),
    link: name,
  });
  const check = fc.asyncProperty(fields, async ({path, mode, mtime, link}) => {
    const raw = (text: string) => Buffer.from(text).toString('latin1');
    const fields = {type: 'symlink', mode, size: 0, mtime, device: undefined} as const;
    const header = tarHeader({path: raw(path), link: raw(link), ...fields});
    const reader = extract();
    reader.end(Buffer.concat([header, Buffer.alloc(1024)]));
    for await (const entry of reader) {
      const found = entry.header;
      entry.resume();
      return (
        found.name === path && found.linkname === link && found.mode === mode && found.mtime.getTime() === mtime * 1000
      );
    }
    return false;
  });
  await t.notThrowsAsync(fc.assert(check, {numRuns: 300}));
});

test('an inspection tells of each path whether it is sent and which rule decided', async (t) => {
  const root = temporaryDirectory(t);
  writeTree(root, {
    '.dockerignore': '# x\n*.log\n!keep.log\nbuild\n',
    'a.log': '123',
    'keep.log': '12345',
    'build/o': '',
    'src/m': '1',
  });
  const found = await inspectContext(await openContext(root, {}, signal), signal);
  t.deepEqual(
    found.paths.map(({path, sent, rule}) => [path, sent, rule?.line]),
    [
      ['.dockerignore', true, undefined],
      ['a.log', false, 2],
      ['build', false, 4],
      ['keep.log', true, 3],
      ['src', true, undefined],
      ['src/m', true, undefined],
    ],
  );
  t.like(found, {sent: {files: 3}, ignored: {paths: 2}, ignoreFile: '.dockerignore'});
  t.is(found.largest[0]?.path, '.dockerignore');
  t.regex(renderContext(found), /ignored +3 B {2}a\.log {2}\.dockerignore:2: \*\.log\n/);
});

test('digests change with content, mode and link target, not with times, and are remembered', async (t) => {
  const root = temporaryDirectory(t);
  const cacheFile = join(temporaryDirectory(t), 'cache');
  writeTree(root, {a: 'one', b: 'two', l: {link: 'a'}});
  const digests = async () => {
    const found: Record<string, string> = {};
    for await (const {path, digest} of contextDigests(await openContext(root, {}, signal), {cacheFile}, signal))
      found[path] = digest;
    return found;
  };
  utimesSync(join(root, 'a'), 1e9, 1e9);
  utimesSync(join(root, 'b'), 1e9, 1e9);
  const first = await digests();
  t.deepEqual(await digests(), first);
  utimesSync(join(root, 'a'), 1.1e9, 1.1e9);
  t.deepEqual(await digests(), first);
  writeFileSync(join(root, 'b'), 'tw0');
  utimesSync(join(root, 'b'), 1e9, 1e9);
  const second = await digests();
  t.not(second.b, first.b);
  t.deepEqual({...second, b: ''}, {...first, b: ''});
  writeFileSync(cacheFile, 'damaged');
  t.deepEqual(await digests(), second);
});
