import {execFileSync} from 'node:child_process';
import {
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {type Look, type Lstat, lookFor, type NativeLstat, nativeLook} from '../../engine/base/lstat.js';
import {temporaryDirectory} from '../helpers/temporary.js';

// Before anything loads the native module: few files are asked for without it.
const plain: Look = lookFor(1);
const native = nativeLook(Infinity);

const fieldsOf = ({mode, links, uid, gid, size, device, inode, represented, modified, changed}: Lstat) => ({
  ...{mode, links, uid, gid, size},
  ...{device, inode, represented, modified, changed},
});

const numbersOf = ({dev, ino, mtimeMs, ctimeMs}: NativeLstat) => [dev, ino, mtimeMs, ctimeMs];

function bySystem(path: string | Buffer): ReturnType<typeof fieldsOf> & {readonly numbers: readonly number[]} {
  const stats = lstatSync(path, {bigint: true});
  const {dev, ino, mtimeMs, ctimeMs} = lstatSync(path);
  const [mode = 0, links = 0, uid = 0, gid = 0, size = 0] = [
    stats.mode,
    stats.nlink,
    stats.uid,
    stats.gid,
    stats.size,
  ].map(Number);
  return {
    ...{mode, links, uid, gid, size},
    ...{device: stats.dev, inode: stats.ino, represented: stats.rdev, modified: stats.mtimeNs, changed: stats.ctimeNs},
    numbers: [dev, ino, mtimeMs, ctimeMs],
  };
}

test('many files are looked at through the native module, few of a process that has not loaded it are not', (t) => {
  t.truthy(native);
  t.false(plain === native);
  t.true(lookFor(1) === native);
});

test('both say of every kind of file what Node says', (t) => {
  const root = temporaryDirectory(t);
  const path = (name: string): string => join(root, name);
  writeFileSync(path('file'), 'text', {mode: 0o4751});
  linkSync(path('file'), path('hard'));
  mkdirSync(path('directory'), {mode: 0o1777});
  symlinkSync('nowhere', path('link'));
  lutimesSync(path('link'), 1, 1e9);
  execFileSync('mkfifo', [path('fifo')]);
  writeFileSync(path('größe ✓'), '');
  writeFileSync(path('large'), '');
  truncateSync(path('large'), 5 * 2 ** 32 + 7);
  for (const [index, time] of [-1, -1.5, -0.25, 0, 2 ** 31 + 0.5, 2 ** 33].entries()) {
    writeFileSync(path(`time ${index}`), '');
    utimesSync(path(`time ${index}`), 0, time);
  }
  const odd = Buffer.concat([Buffer.from(`${root}/`), Buffer.of(0xff, 0xfe, 0x80)]);
  writeFileSync(odd, 'x');
  const names = 'file hard directory link fifo large'.split(' ');
  const paths: readonly (string | Buffer)[] = [
    ...names.map(path),
    ...Array.from({length: 6}, (_, index) => path(`time ${index}`)),
    ...['größe ✓'].flatMap((name) => [path(name), Buffer.from(path(name))]),
    ...['/dev/null', '/dev/tty', '/proc/self', '/proc/self/exe', '/', odd],
  ];
  for (const each of paths) {
    const {numbers, ...expected} = bySystem(each);
    for (const look of [plain, native]) {
      const stats = look?.(each);
      t.deepEqual(stats && fieldsOf(stats), expected, each.toString());
    }
    const stats = native?.(each);
    t.deepEqual(stats && numbersOf(stats), numbers, each.toString());
  }
});

test('both have nothing of what is not there, and say of anything else why not', (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'file'), '');
  symlinkSync('loop', join(root, 'loop'));
  for (const look of [plain, native ?? plain]) {
    t.is(look(join(root, 'none')), undefined);
    t.is(look(Buffer.from(join(root, 'none', 'below'))), undefined);
    t.throws(() => look(join(root, 'file', 'below')), {code: 'ENOTDIR'});
    t.throws(() => look(join(root, 'loop', 'below')), {code: 'ELOOP'});
    t.throws(() => look(join(root, 'x'.repeat(256))), {code: 'ENAMETOOLONG'});
    t.truthy(look(root), 'and the next one as if nothing had been');
  }
});

test('times and sizes are those that were set, whatever they are', (t) => {
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, '');
  const seconds = fc.integer({min: -(2 ** 31), max: 2 ** 33});
  fc.assert(
    fc.property(seconds, fc.integer({min: 0, max: 2 ** 40}), (time, size) => {
      truncateSync(file, size);
      utimesSync(file, time, time);
      const {numbers, ...expected} = bySystem(file);
      const found = native?.(file);
      t.deepEqual(found && {...fieldsOf(found), numbers: numbersOf(found)}, {...expected, numbers});
    }),
  );
});
