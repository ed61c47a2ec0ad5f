import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {syscalls} from '../../../engine/base/syscalls.js';
import {byteString} from '../../../engine/drivers/embedded/files/byte-path.js';
import {copyFile, type FileJob} from '../../../engine/drivers/embedded/files/file-copy.js';

const early = {seconds: -2, nanoseconds: 500_000_000};
const sizes = {'a small file': 20, 'a large file': 700_000};

function scene(t: ExecutionContext, size: number): {readonly root: string; readonly job: FileJob} {
  const root = mkdtempSync(join(tmpdir(), 'build-image-test-'));
  t.teardown(() => rmSync(root, {recursive: true, force: true}));
  mkdirSync(join(root, 'd'));
  writeFileSync(join(root, 'd/f'), 'x'.repeat(size));
  syscalls().setTimes(join(root, 'd/f'), early);
  const {dev, ino, ctimeNs} = lstatSync(join(root, 'd/f'), {bigint: true});
  return {
    root,
    job: {
      source: byteString(join(root, 'd/f')),
      target: byteString(join(root, 'target')),
      shared: true,
      mode: 0o640,
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      size,
      ...early,
      plain: true,
      dev,
      ino,
      ctimeNs,
    },
  };
}

for (const [name, size] of Object.entries(sizes)) {
  test(`${name} is copied with its mode and its time, before 1970 too`, (t) => {
    const {root, job} = scene(t, size);
    t.true(copyFile(job));
    const {mode, mtimeNs} = lstatSync(join(root, 'target'), {bigint: true});
    t.is(Number(mode) & 0o7777, 0o640);
    t.is(mtimeNs, -1_500_000_000n);
    t.is(readFileSync(join(root, 'target'), 'utf8'), 'x'.repeat(size));
    t.throws(() => copyFile(job), {code: 'EEXIST'});
    t.true(copyFile({...job, replaces: true}));
  });

  test(`${name} that has changed in its attributes only is copied, and that is told`, async (t) => {
    const {root, job} = scene(t, size);
    await sleep(20);
    chmodSync(join(root, 'd/f'), 0o600);
    t.false(copyFile(job));
    t.true(copyFile({...job, shared: false, replaces: true}));
  });

  test(`${name} that has become another one of the same size and time is copied, and that is told`, (t) => {
    const {root, job} = scene(t, size);
    renameSync(join(root, 'd/f'), join(root, 'd/old'));
    writeFileSync(join(root, 'd/f'), 'x'.repeat(size));
    syscalls().setTimes(join(root, 'd/f'), early);
    t.false(copyFile(job));
  });

  const changes: Readonly<Record<string, (root: string) => void>> = {
    'was written to': (root) => writeFileSync(join(root, 'd/f'), 'y'.repeat(size)),
    grew: (root) => writeFileSync(join(root, 'd/f'), 'y', {flag: 'a'}),
    shrank: (root) => truncateSync(join(root, 'd/f'), size - 1),
    'became a link': (root) => {
      renameSync(join(root, 'd/f'), join(root, 'd/old'));
      symlinkSync('old', join(root, 'd/f'));
    },
    'lies behind a link that took the name of its directory': (root) => {
      mkdirSync(join(root, 'elsewhere'));
      writeFileSync(join(root, 'elsewhere/f'), 'x'.repeat(size));
      syscalls().setTimes(join(root, 'elsewhere/f'), early);
      rmSync(join(root, 'd'), {recursive: true});
      symlinkSync('elsewhere', join(root, 'd'));
    },
  };
  for (const [change, make] of Object.entries(changes)) {
    test(`${name} of a build context that ${change} since it was looked at is not copied`, (t) => {
      const {root, job} = scene(t, size);
      make(root);
      t.throws(() => copyFile(job), {code: 'CONTEXT_CHANGED'});
    });
  }
}
