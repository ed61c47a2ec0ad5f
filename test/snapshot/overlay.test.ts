import {execFileSync} from 'node:child_process';
import {existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gunzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {syscalls} from '../../engine/base/syscalls.js';
import {digestOf} from '../../engine/oci/digest.js';
import {readBlob, readBlobBytes} from '../../engine/store/blobs.js';
import {closeStore, openStore} from '../../engine/store/open.js';
import {applyLayer} from '../../engine/snapshot/apply.js';
import {commitLayer} from '../../engine/snapshot/commit.js';
import {createCompressor} from '../../engine/snapshot/compress.js';
import {decompress} from '../../engine/snapshot/decompress.js';
import {layerTar} from '../../engine/snapshot/diff.js';
import {LayerView} from '../../engine/snapshot/layer-view.js';
import {adoptRoot, mountOverlay, unmountOverlay} from '../../engine/snapshot/overlay.js';
import {formatPaxTime, parsePaxTime} from '../../engine/snapshot/tar-header.js';
import {archive} from '../helpers/archive.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const signal = new AbortController().signal;

function directories(t: ExecutionContext, ...names: readonly string[]): string[] {
  const parent = temporaryDirectory(t);
  return names.map((name) => {
    mkdirSync(join(parent, name));
    return join(parent, name);
  });
}

function mounted(t: ExecutionContext, lowers: readonly string[], upper?: string, work?: string): string {
  const [target = ''] = directories(t, 'merged, with: odd\\name');
  mountOverlay({target, lowers, ...(upper === undefined || work === undefined ? {} : {upper, work})});
  t.teardown(() => unmountOverlay(target));
  return target;
}

const tree = (root: string) =>
  execFileSync(
    'sh',
    [
      '-c',
      'cd "$1"; find . -printf "%p %y %m %U:%G %l\\n" | sort; find . -type f | sort | xargs -d "\\n" cat',
      'sh',
      root,
    ],
    {encoding: 'utf8'},
  );

asRoot('what a step did on an overlay comes back from its layer: deleted, replaced, emptied, added', async (t) => {
  const [base = '', upper = '', work = '', again = ''] = directories(t, 'base', 'upper', 'work', 'again');
  for (const name of ['gone', 'replaced', 'emptied', 'kept', 'to-file'])
    mkdirSync(join(base, name, 'sub'), {recursive: true});
  for (const name of ['gone/x', 'replaced/x', 'emptied/x', 'kept/x', 'to-file/x', 'file'])
    writeFileSync(join(base, name), name);
  symlinkSync('kept', join(base, 'link'));
  execFileSync('chmod', ['1755', base]);
  adoptRoot(upper, base);
  t.is(lstatSync(upper).mode & 0o7777, 0o1755);
  const step = mounted(t, [base], upper, work);
  execFileSync('sh', [
    '-c',
    `cd "$1"; rm -r gone replaced to-file file emptied/*; mkdir replaced; echo new >replaced/new; echo f >to-file; mkdir file; mkdir -p new/deep; echo x >>kept/x; ln kept/x hard; rm link; ln -s new link; chmod 4711 kept/x`,
    'sh',
    step,
  ]);
  const expected = tree(step);
  unmountOverlay(step);
  const layer = Buffer.concat([...layerTar({directory: upper, lowers: [base]})]);
  const names = execFileSync('tar', ['-tf', '-'], {input: layer, encoding: 'utf8'}).trim().split('\n');
  t.deepEqual(names.filter((name) => name.includes('.wh.')).sort(), [
    '.wh.gone',
    'emptied/.wh.sub',
    'emptied/.wh.x',
    'replaced/.wh..wh..opq',
  ]);
  adoptRoot(again, base);
  await applyLayer([layer], {directory: again, lowers: [base]}, signal);
  t.is(tree(mounted(t, [again, base])), expected);
  // And the layer of the layer is the layer.
  t.deepEqual(Buffer.concat([...layerTar({directory: again, lowers: [base]})]), layer);
});

asRoot(
  'entries below a symlinked directory of a lower layer land where it points, with the directory as it was',
  async (t) => {
    const [base = '', layer = ''] = directories(t, 'base', 'layer');
    mkdirSync(join(base, 'usr/lib'), {recursive: true});
    execFileSync('chmod', ['2750', join(base, 'usr/lib')]);
    writeFileSync(join(base, 'usr/lib/old'), 'old');
    symlinkSync('/usr/lib', join(base, 'lib'));
    await applyLayer(
      [archive({name: 'lib/new', content: 'n'}, {name: 'copy', type: 'hardlink', link: 'lib/old'})],
      {directory: layer, lowers: [base]},
      signal,
    );
    const merged = mounted(t, [layer, base]);
    t.is(lstatSync(join(merged, 'lib')).isSymbolicLink(), true);
    t.deepEqual(readdirSync(join(merged, 'usr/lib')), ['new', 'old']);
    t.is(lstatSync(join(layer, 'usr/lib')).mode & 0o7777, 0o2750);
    t.is(readFileSync(join(merged, 'copy'), 'utf8'), 'old');
  },
);

asRoot('an opaque root hides everything below, and a name made again after its whiteout is new', async (t) => {
  const [base = '', layer = '', other = ''] = directories(t, 'base', 'layer', 'other');
  for (const name of ['a/x', 'b/x']) {
    mkdirSync(join(base, name, '..'));
    writeFileSync(join(base, name), '');
  }
  await applyLayer(
    [archive({name: 'b/'}, {name: 'b/y'}, {name: '.wh..wh..opq'})],
    {directory: layer, lowers: [base]},
    signal,
  );
  const merged = mounted(t, [layer, base]);
  t.deepEqual([readdirSync(merged), readdirSync(join(merged, 'b'))], [['b'], ['y']]);
  await applyLayer(
    [archive({name: '.wh.a'}, {name: 'a/new'}, {name: '.wh.none'})],
    {directory: other, lowers: [base]},
    signal,
  );
  t.deepEqual(readdirSync(join(mounted(t, [other, base]), 'a')), ['new']);
  t.false(existsSync(join(other, 'none')));
});

asRoot('four hundred and fifty layers are mounted at once', (t) => {
  const lowers = directories(t, ...Array.from({length: 450}, (_, n) => `layer-${n}-${'x'.repeat(60)}`));
  lowers.forEach((lower, n) => writeFileSync(join(lower, `f${n}`), ''));
  t.is(readdirSync(mounted(t, lowers)).length, 450);
});

asRoot('a path is resolved inside the tree, whatever its links say', (t) => {
  const [top = '', base = ''] = directories(t, 'top', 'base');
  mkdirSync(join(base, 'dir/sub'), {recursive: true});
  writeFileSync(join(base, 'dir/file'), '');
  symlinkSync('/dir', join(base, 'absolute'));
  symlinkSync('../../../../dir', join(base, 'up'));
  symlinkSync('loop', join(base, 'loop'));
  symlinkSync('/etc/passwd', join(base, 'passwd'));
  syscalls().makeNode(join(top, 'up'), 0o020_000, 0, 0);
  const at = (path: string, follow = true, layers = [base]) => {
    const {path: found, located} = new LayerView(layers).resolve(path, follow);
    return `${found} ${located === undefined ? 'absent' : 'there'}`;
  };
  t.is(at('/absolute/file'), 'dir/file there');
  t.is(at('up/../dir/sub/..'), 'dir there');
  t.is(at('absolute', false), 'absolute there');
  t.is(at(`dir/${'x'.repeat(300)}`), `dir/${'x'.repeat(300)} absent`);
  t.is(at('absolute/', false), 'absolute there');
  t.is(at('passwd'), 'etc/passwd absent');
  t.is(at('../../../etc/passwd'), 'etc/passwd absent');
  t.is(at('up/file', true, [top, base]), 'up/file absent');
  t.throws(() => at('loop/x'), {code: 'NOT_FOUND'});
  t.is(at('dir/file/x'), 'dir/file/x absent');
});

async function* once(bytes: Uint8Array, size = 7777): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const content = Buffer.concat([
  Buffer.alloc(2_500_000, 'text that repeats '),
  Buffer.from(Array.from({length: 600_000}, (_, n) => (n * n * 7 + (n >> 3)) & 255)),
]);

for (const [compression, tool] of [
  ['gzip', 'gzip'],
  ['zstd', 'zstd'],
] as const) {
  test(`${compression}: the tool and we unpack it, it is the same however it was cut, and damage is found`, async (t) => {
    const compressor = createCompressor(compression);
    const packed = await collect(compressor.compress(once(content)));
    t.deepEqual(await collect(compressor.compress([content])), packed);
    t.deepEqual(execFileSync(tool, ['-dc'], {input: packed, maxBuffer: 1e8}), content);
    t.deepEqual(await collect(decompress(once(packed), compression, signal)), content);
    t.true(packed.length < content.length / 2);
    await t.throwsAsync(collect(decompress(once(packed.subarray(0, packed.length >> 1)), compression, signal)), {
      code: 'ARCHIVE_INVALID',
    });
    await t.throwsAsync(collect(decompress(once(Buffer.from('nonsense')), compression, signal)), {
      code: 'ARCHIVE_INVALID',
    });
    t.deepEqual(
      await collect(decompress(once(await collect(compressor.compress([]))), compression, signal)).catch(() => 'empty'),
      compression === 'gzip' ? Buffer.alloc(0) : 'empty',
    );
  });
}

asRoot(
  'a commit stores the layer under its digest with the diff ID of the tar in it, and the clock does not show',
  async (t) => {
    const [root = '', upper = ''] = directories(t, 'store', 'upper');
    const store = openStore(root, signal);
    t.teardown(() => closeStore(store));
    writeFileSync(join(upper, 'f'), content);
    const diff = {directory: upper, clamp: 1000};
    const commit = async (compression: 'gzip' | 'none' | undefined) => {
      const {descriptor, ...rest} = await commitLayer({store, diff, compression}, signal);
      return {...rest, digest: descriptor?.digest ?? digestOf('')};
    };
    const layer = await commit('gzip');
    const tar = gunzipSync(readBlobBytes(store, layer.digest, 1e8));
    t.is(layer.diffId, digestOf(tar));
    t.is(layer.diffSize, tar.length);
    syscalls().setTimes(join(upper, 'f'), {seconds: 5000, nanoseconds: 3});
    t.is((await commit('gzip')).digest, layer.digest);
    t.is((await commit('none')).digest, layer.diffId);
    t.is((await commit(undefined)).diffId, layer.diffId);
    const stream = decompress(readBlob(store, layer.digest), 'gzip', signal);
    t.is(digestOf(await collect(stream)), layer.diffId);
  },
);

test('pax times are written and read back to the nanosecond, before 1970 too', (t) => {
  fc.assert(
    fc.property(
      fc.integer({min: -(10 ** 11), max: 10 ** 11}),
      fc.integer({min: 0, max: 999_999_999}),
      (seconds, nanoseconds) => {
        t.deepEqual(parsePaxTime(formatPaxTime({seconds, nanoseconds})), {seconds, nanoseconds});
      },
    ),
  );
  t.is(parsePaxTime('1e5'), undefined);
});

asRoot('random trees come back from their layer: names as bytes, modes, links, times', async (t) => {
  const name = fc
    .array(fc.integer({min: 1, max: 255}), {minLength: 1, maxLength: 120})
    .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x2f)))
    .filter((bytes) => bytes.length > 0 && !/^\.\.?$|^\.wh\./.test(bytes.toString('latin1')));
  const node = fc.record({
    name,
    kind: fc.constantFrom('file', 'directory', 'symlink', 'hardlink'),
    mode: fc.integer({min: 0, max: 0o7777}),
    size: fc.integer({min: 0, max: 2000}),
    owner: fc.integer({min: 0, max: 4_000_000_000}),
    seconds: fc.integer({min: -1_000_000, max: 4_000_000_000}),
    nanoseconds: fc.integer({min: 0, max: 999_999_999}),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(node, {maxLength: 15}), async (nodes) => {
      const [from = '', to = ''] = directories(t, 'from', 'to');
      const inside = [from];
      const files: Buffer[] = [];
      for (const {name, kind, mode, size, owner, seconds, nanoseconds} of nodes) {
        const path = Buffer.concat([Buffer.from(`${inside[size % inside.length] ?? from}/`), name]);
        if (lstatSync(path, {throwIfNoEntry: false}) !== undefined) continue;
        const target = files[size % Math.max(1, files.length)];
        if (kind === 'directory' && name.every((byte) => byte > 0x20 && byte < 0x7f)) {
          mkdirSync(path);
          inside.push(path.toString());
        } else if (kind === 'symlink') symlinkSync(Buffer.from(name), path);
        else {
          writeFileSync(path, Buffer.alloc(size, name));
          files.push(path);
        }
        const fs = await import('node:fs');
        fs.lchownSync(path, owner, owner);
        if (kind !== 'symlink') fs.chmodSync(path, mode);
        if (kind === 'hardlink' && target !== undefined) {
          fs.unlinkSync(path);
          fs.linkSync(target, path);
        }
        syscalls().setTimes(path, {seconds, nanoseconds});
      }
      const layer = Buffer.concat([...layerTar({directory: from})]);
      await applyLayer([layer], {directory: to}, signal);
      t.deepEqual(Buffer.concat([...layerTar({directory: to})]), layer);
      // A directory without execute permission is no hindrance for root.
      t.is(
        execFileSync('sh', [
          '-c',
          'cd "$1"; find . ! -name . -printf "%y %m %U %G %T@ %n %l\\n" | sort | sha256sum',
          'sh',
          to,
        ]).toString(),
        execFileSync('sh', [
          '-c',
          'cd "$1"; find . ! -name . -printf "%y %m %U %G %T@ %n %l\\n" | sort | sha256sum',
          'sh',
          from,
        ]).toString(),
      );
    }),
    {numRuns: 40},
  );
});
