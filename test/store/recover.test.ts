import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import {emptyTrash} from '../../engine/store/empty-trash.js';
import {mountsBelow} from '../../engine/store/mounts.js';
import {pruneStore} from '../../engine/store/prune.js';
import {claimStep, readRecord, writeRecord} from '../../engine/store/records.js';
import {recoverStore} from '../../engine/store/recover.js';
import {discardSnapshot, hasSnapshot, newSnapshot, snapshotFs} from '../../engine/store/snapshots.js';
import {newMountPoint} from '../../engine/store/store.js';
import {readTag} from '../../engine/store/tags.js';
import {readBlob} from '../../engine/store/blobs.js';
import {available} from '../helpers/requirement.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {
  exitOf,
  filesBelow,
  firstOutput,
  keyOf,
  snapshotWith,
  startChild,
  stepRecord,
  testStore,
  withStore,
} from './stores.js';

const isRoot = process.geteuid?.() === 0;

test('what a killed build left half-made is gone at the next start, what it completed stays', async (t) => {
  const root = temporaryDirectory(t);
  const done = await withStore(root, (store) => snapshotWith(store, 'a', '1'));
  const child = startChild(t, 'hold', root);
  await firstOutput(child);
  await withStore(root, () => t.is(readdirSync(join(root, 'snapshots')).length, 2, 'a running build is left alone'));
  child.kill('SIGKILL');
  await exitOf(child);
  await withStore(root, async (store) => {
    t.deepEqual(readdirSync(join(root, 'snapshots')), [done]);
    t.deepEqual(readdirSync(join(root, 'tmp')), []);
    t.deepEqual(readdirSync(join(root, 'leases')), []);
    t.deepEqual(await emptyTrash(store), {left: 0});
  });
  t.deepEqual(readdirSync(join(root, 'trash')), []);
});

test('a store is usable after sixty kills at random moments', async (t) => {
  const root = temporaryDirectory(t);
  for (let round = 0; round < 60; round++) {
    const child = startChild(t, 'write', root);
    await firstOutput(child);
    await delay(Math.random() * 40);
    child.kill('SIGKILL');
    await exitOf(child);
    await withStore(root, async (store) => {
      for (const name of readdirSync(join(root, 'blobs/sha256'), {encoding: 'utf8'}).slice(0, 3)) {
        for await (const chunk of readBlob(store, `sha256:${name}` as never)) t.true(chunk.length > 0);
      }
      for (let number = 0; number < 5; number++) {
        const found = claimStep(store, keyOf(number));
        if (found === undefined) continue;
        const [id = ''] = found.chain;
        t.is(readFileSync(join(snapshotFs(store, id), 'file')).length, 200_000);
      }
      if (round % 10 === 9) await pruneStore(store, {keepBytes: 2_000_000});
    });
  }
  await withStore(root, async (store) => {
    const tag = readTag(store, 'docker.io/library/crash:1');
    t.true(tag === undefined || tag.snapshots.every((id) => hasSnapshot(store, id)));
    for (const name of readdirSync(join(root, 'tags'))) execFileSync('rm', [join(root, 'tags', name)]);
    await pruneStore(store, {all: true});
    t.deepEqual(readdirSync(join(root, 'snapshots')), []);
  });
  t.deepEqual(filesBelow(root), []);
});

test('a mount that a killed build left is unmounted, and what was mounted is untouched', async (t) => {
  if (!available(t, isRoot, 'root')) return;
  const [root, outside] = [temporaryDirectory(t), temporaryDirectory(t)];
  writeFileSync(join(outside, 'precious'), 'x');
  const own = await withStore(root, (store) => {
    const point = newMountPoint(store);
    const {fs} = newSnapshot(store);
    mkdirSync(join(fs, 'with space'));
    for (const target of [point, join(fs, 'with space'), fs]) {
      execFileSync('mount', ['--bind', outside, target]);
      // Whatever the test finds, nothing may be deleted through a mount when it ends.
      t.teardown(() => execFileSync('sh', ['-c', 'umount -l "$1" 2>/dev/null || :', 'sh', target]));
    }
    return mountsBelow(root).length;
  });
  t.is(own, 3);
  mkdirSync(join(root, 'tmp'));
  writeFileSync(join(root, 'tmp', '00000000-00000000'), '');
  await withStore(root, async (store) => {
    t.deepEqual(mountsBelow(root), []);
    await pruneStore(store, {all: true});
  });
  t.deepEqual(filesBelow(outside), ['precious']);
  t.deepEqual(filesBelow(root), []);
});

test('mounts of a running build, and those of others in the store, stay', async (t) => {
  if (!available(t, isRoot, 'root')) return;
  const root = temporaryDirectory(t);
  const store = testStore(t, root);
  const point = newMountPoint(store);
  const foreign = join(root, 'caches');
  mkdirSync(foreign);
  const targets = [point, foreign];
  for (const target of targets) execFileSync('mount', ['-t', 'tmpfs', 'none', target]);
  try {
    await withStore(root, (other) => t.is(recoverStore(other).mounts, 0));
    t.deepEqual(mountsBelow(root), targets);
  } finally {
    for (const target of targets) execFileSync('umount', [target]);
  }
});

test('the trash is deleted with names that are no text, deep trees, links and directories without permissions', async (t) => {
  const [root, outside] = [temporaryDirectory(t), temporaryDirectory(t)];
  const store = testStore(t, root);
  writeFileSync(join(outside, 'precious'), 'x');
  const {id, fs} = newSnapshot(store);
  mkdirSync(Buffer.concat([Buffer.from(`${fs}/`), Buffer.from([0xff, 0xfe])]));
  writeFileSync(
    Buffer.concat([Buffer.from(`${fs}/`), Buffer.from([0xff, 0xfe]), Buffer.from('/\xc3\n', 'latin1')]),
    '',
  );
  symlinkSync(outside, join(fs, 'out'));
  symlinkSync('/', join(fs, 'root'));
  // Deeper than a path may be long.
  execFileSync('sh', [
    '-c',
    'cd "$1"; for i in $(seq 400); do mkdir directory-$i && cd -P directory-$i; done; : > file; chmod 0 .',
    'sh',
    fs,
  ]);
  discardSnapshot(store, id);
  t.deepEqual(await emptyTrash(store), {left: 0});
  t.deepEqual(readdirSync(join(root, 'trash')), []);
  t.true(existsSync(join(outside, 'precious')));
});

test('the trash is emptied within its time, and the rest later', async (t) => {
  const store = testStore(t);
  for (let number = 0; number < 5; number++) discardSnapshot(store, snapshotWith(store, 'a', '1'));
  t.true((await emptyTrash(store, {milliseconds: 0})).left > 0);
  t.deepEqual(await emptyTrash(store), {left: 0});
});

test('a full disk is one clear error, a usable store, and prune makes room', async (t) => {
  if (!available(t, isRoot, 'root')) return;
  const root = temporaryDirectory(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', root]);
  t.teardown(() => execFileSync('umount', ['-l', root]));
  const {execFile} = await import('node:child_process');
  const script = new URL('store-child.js', import.meta.url).pathname;
  const fill = async () =>
    new Promise<string>((resolve) => {
      execFile(process.execPath, [script, 'fill', root], (_, __, stderr) => resolve(stderr));
    });
  t.regex(await fill(), /NO_SPACE/);
  await withStore(root, async (store) => {
    t.not(readRecord(store, keyOf(0)), undefined);
    const report = await pruneStore(store, {keepBytes: 500_000});
    t.true(report.kept <= 500_000);
    t.deepEqual(readdirSync(join(root, 'tmp')), []);
    writeRecord(store, stepRecord(keyOf(1000)));
  });
  t.regex(await fill(), /NO_SPACE/);
  // Not one block is left: prune still works.
  try {
    writeFileSync(join(root, 'ballast'), Buffer.alloc(4_000_000));
  } catch {
    // as meant
  }
  await withStore(root, async (store) => {
    const report = await pruneStore(store, {all: true});
    t.true(report.removed.blob > 0);
  });
  t.deepEqual(filesBelow(root), ['ballast']);
});
