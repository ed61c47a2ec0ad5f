import {execFileSync} from 'node:child_process';
import {existsSync, linkSync, readdirSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {renderManifest} from '../../engine/oci/manifest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import {hasBlob, writeBlob} from '../../engine/store/blobs.js';
import {openCache} from '../../engine/store/caches.js';
import {diskUsage} from '../../engine/store/du.js';
import {chainIdOf, readChain, writeChain} from '../../engine/store/layers.js';
import {closeStore, openStore} from '../../engine/store/open.js';
import {pruneStore} from '../../engine/store/prune.js';
import {claimStep, findRecords, readRecord, recordPath, writeRecord} from '../../engine/store/records.js';
import {completeSnapshot, hasSnapshot, newSnapshot, snapshotFs} from '../../engine/store/snapshots.js';
import type {Store} from '../../engine/store/store.js';
import {removeTag, writeTag} from '../../engine/store/tags.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {chunks, exitOf, filesBelow, keyOf, never, snapshotWith, startChild, stepRecord, withStore} from './stores.js';

const reference = 'docker.io/library/app:1';

/** A base of one layer and two steps, a tag on the whole. */
async function fillStore(store: Store) {
  const base = snapshotWith(store, 'base', 'x'.repeat(50_000));
  writeChain(store, chainIdOf(undefined, digestOf('base')), base);
  const first = snapshotWith(store, 'first', 'y'.repeat(50_000), [base]);
  const second = snapshotWith(store, 'second', 'z'.repeat(50_000), [first]);
  writeRecord(store, stepRecord(keyOf(1), {snapshot: first}));
  writeRecord(store, stepRecord(keyOf(2), {snapshot: second}));
  const config = await writeBlob(store, chunks('{}'));
  const layer = await writeBlob(store, chunks('layer'.repeat(10_000)));
  const manifest = await writeBlob(
    store,
    chunks(
      renderManifest({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: {mediaType: mediaTypes.ociConfig, ...config},
        layers: [{mediaType: mediaTypes.ociLayerGzip, ...layer}],
      }),
    ),
  );
  writeTag(store, {
    reference,
    manifestDigest: manifest.digest,
    configDigest: config.digest,
    platform: {os: 'linux', architecture: 'amd64'},
    created: '2026-01-01T00:00:00.000Z',
    snapshots: [base, first],
  });
  return {base, first, second, config, layer, manifest};
}

test('a prune keeps what a tag names, through its manifest and its snapshots, until the tag is removed', async (t) => {
  const root = temporaryDirectory(t);
  const made = await withStore(root, fillStore);
  await withStore(root, async (store) => {
    t.like(await pruneStore(store, {}), {removed: {record: 0, layer: 0, snapshot: 0, blob: 0, cache: 0}, left: 0});
    const report = await pruneStore(store, {all: true});
    t.deepEqual(report.removed, {record: 2, layer: 0, snapshot: 1, blob: 0, cache: 0});
    t.true([made.config, made.layer, made.manifest].every(({digest}) => hasBlob(store, digest)));
    t.deepEqual(
      [made.base, made.first, made.second].map((id) => hasSnapshot(store, id)),
      [true, true, false],
    );
    t.is(readChain(store, digestOf('base')), made.base);
    removeTag(store, reference);
  });
  await withStore(root, (store) => pruneStore(store, {all: true}));
  t.deepEqual(filesBelow(root), []);
});

test('what a running build has claimed stays', async (t) => {
  const root = temporaryDirectory(t);
  const made = await withStore(root, fillStore);
  const building = openStore(root, never);
  t.truthy(claimStep(building, keyOf(2)));
  const half = newSnapshot(building);
  const blob = await writeBlob(building, chunks('new'));
  await withStore(root, (store) => pruneStore(store, {all: true}));
  t.true(existsSync(half.fs));
  t.true(hasBlob(building, blob.digest));
  t.is(claimStep(building, keyOf(2))?.chain.length, 3);
  t.is(readRecord(building, keyOf(1)), undefined);
  closeStore(building);
  await withStore(root, (store) => pruneStore(store, {all: true}));
  t.false(existsSync(half.fs));
  t.false(existsSync(join(root, 'snapshots', made.second)));
});

test('the oldest cache goes first, down to the size, and a use makes it young', async (t) => {
  const root = temporaryDirectory(t);
  await withStore(root, (store) => {
    for (let number = 1; number <= 5; number++) {
      writeRecord(store, stepRecord(keyOf(number), {snapshot: snapshotWith(store, 'file', 'x'.repeat(100_000))}));
      const at = Date.now() / 1000 - 100_000 + number;
      utimesSync(recordPath(root, keyOf(number)), at, at);
    }
    readRecord(store, keyOf(1));
  });
  await withStore(root, async (store) => {
    const report = await pruneStore(store, {keepBytes: 300_000});
    t.is(report.removed.record, 3);
    t.true(report.kept <= 300_000 && report.freed > 300_000);
    const left = [1, 2, 3, 4, 5].filter((number) => readRecord(store, keyOf(number)) !== undefined);
    t.deepEqual(left, [1, 5]);
    t.deepEqual(
      findRecords(store, {stepIdentity: 'builder 1'}).map(({key}) => Number(key)),
      [5, 1],
    );
    t.is((await pruneStore(store, {olderThan: 50_000_000})).removed.record, 0);
    t.is((await pruneStore(store, {keepBytes: 0})).removed.record, 2);
  });
});

test('a record whose files are lost goes, and a damaged one', async (t) => {
  const root = temporaryDirectory(t);
  const id = await withStore(root, (store) => {
    const snapshot = snapshotWith(store, 'a', '1');
    writeRecord(store, stepRecord(keyOf(1), {snapshot}));
    writeRecord(store, stepRecord(keyOf(2)));
    return snapshot;
  });
  writeFileSync(join(root, 'snapshots', id, 'snapshot.json'), '');
  writeFileSync(recordPath(root, keyOf(2)), 'x');
  await withStore(root, async (store) => {
    t.like((await pruneStore(store, {})).removed, {record: 2, snapshot: 1});
  });
});

test('cache directories of steps are kept until they are all that is left', async (t) => {
  const root = temporaryDirectory(t);
  await withStore(root, (store) => {
    const cache = openCache(store, '/root/.npm');
    t.is(openCache(store, '/root/.npm').directory, cache.directory);
    writeFileSync(join(cache.directory, 'a'), 'x'.repeat(100_000));
    writeRecord(store, stepRecord(keyOf(1)));
  });
  await withStore(root, async (store) => {
    const usage = await diskUsage(store);
    t.is(usage.caches.count, 1);
    t.is(usage.items[0]?.description, '/root/.npm');
    t.like((await pruneStore(store, {keepBytes: 116_000})).removed, {record: 1, cache: 0});
    t.like((await pruneStore(store, {keepBytes: 0})).removed, {cache: 1});
  });
});

test('the disk usage is what du says, with files of several links once', async (t) => {
  const root = temporaryDirectory(t);
  await withStore(root, async (store) => {
    await fillStore(store);
    const one = snapshotWith(store, 'file', 'x'.repeat(1_000_000));
    const two = newSnapshot(store);
    linkSync(join(snapshotFs(store, one), 'file'), join(two.fs, 'file'));
    completeSnapshot(store, two.id, {synced: false, parents: []});
    writeRecord(store, stepRecord(keyOf(7), {snapshot: one}));
    writeRecord(store, stepRecord(keyOf(8), {snapshot: two.id}));
  });
  await withStore(root, async (store) => {
    const usage = await diskUsage(store);
    const sum = (path: string) =>
      Number(execFileSync('du', ['-s', '-B1', join(root, path)], {encoding: 'utf8'}).split('\t')[0]);
    // du counts the room's own directory as well.
    const room = (path: string) => sum(path) - 4096 * readdirSync(root).filter((name) => name === path).length;
    t.is(usage.snapshots.bytes, room('snapshots'));
    t.is(
      usage.items.reduce((total, {bytes}) => total + bytes, 0),
      usage.total - usage.other.bytes,
    );
    t.true(usage.reclaimable > 1_000_000 && usage.reclaimable < 1_300_000, String(usage.reclaimable));
    const before = usage.total;
    const {freed} = await pruneStore(store, {all: true});
    const after = await diskUsage(store);
    t.is(before - after.total - (usage.other.bytes - after.other.bytes), freed);
    t.is(after.reclaimable, 0);
  });
});

test('builds and prunes of several processes at once: what a build has claimed or made is never taken', async (t) => {
  const root = temporaryDirectory(t);
  const jobs = ['build', 'build', 'build', 'prune', 'prune'].map((what) => startChild(t, what, root, '3000'));
  t.deepEqual(await Promise.all(jobs.map(exitOf)), [0, 0, 0, 0, 0]);
  await withStore(root, (store) => pruneStore(store, {all: true}));
  t.deepEqual(filesBelow(root), []);
});

test('an abort ends a prune with its reason', async (t) => {
  const root = temporaryDirectory(t);
  await withStore(root, fillStore);
  const reason = new Error('enough');
  const controller = new AbortController();
  const store = openStore(root, controller.signal);
  controller.abort(reason);
  t.is(await t.throwsAsync(pruneStore(store, {all: true})), reason);
  closeStore(store);
});

asRoot('a prune works where not one inode is free', async (t) => {
  const root = temporaryDirectory(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m,nr_inodes=200', 'tmpfs', root], {stdio: 'pipe'});
  t.teardown(() => execFileSync('umount', ['-l', root]));
  const {second} = await withStore(join(root, 'store'), (store) => {
    for (let key = 10; key < 20; key++) writeRecord(store, stepRecord(keyOf(key), {snapshot: null}));
    return fillStore(store);
  });
  for (let count = 0; ; count++) {
    try {
      writeFileSync(join(root, `x${count}`), '');
    } catch {
      break;
    }
  }
  t.throws(() => writeFileSync(join(root, 'one-more'), ''), {code: 'ENOSPC'});
  await withStore(join(root, 'store'), async (store) => {
    t.is((await pruneStore(store, {all: true})).removed.snapshot, 1);
    t.false(hasSnapshot(store, second));
  });
});
