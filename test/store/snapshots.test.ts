import {existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {writeBlob} from '../../engine/store/blobs.js';
import {chainIdOf, readChain, writeChain} from '../../engine/store/layers.js';
import {
  claimSnapshot,
  completeSnapshot,
  discardSnapshot,
  hasSnapshot,
  newSnapshot,
  readSnapshotLayer,
  snapshotChain,
  snapshotFs,
  snapshotPath,
  writeSnapshotLayer,
} from '../../engine/store/snapshots.js';
import {prepareSync} from '../../engine/store/sync-snapshots.js';
import {processesWith} from '../helpers/processes.js';
import {chunks, snapshotWith, testStore} from './stores.js';
import type {Store} from '../../engine/store/store.js';

/** As if the machine had been started again since. */
function reboot(store: Store, id: string): void {
  const path = join(snapshotPath(store.root, id), 'snapshot.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace(/"boot":"[0-9a-f]{8}"/, '"boot":"00000000"'));
}

test('a snapshot is there once it is complete', (t) => {
  const store = testStore(t);
  const {id, fs, work} = newSnapshot(store);
  t.is(fs, snapshotFs(store, id));
  t.is(statSync(fs).mode & 0o7777, 0o755);
  t.is(statSync(join(store.root, 'snapshots')).mode & 0o777, 0o700);
  t.true(existsSync(work));
  t.false(hasSnapshot(store, id));
  completeSnapshot(store, id, {synced: false, parents: []});
  t.true(hasSnapshot(store, id));
  discardSnapshot(store, id);
  t.false(hasSnapshot(store, id));
  discardSnapshot(store, id);
});

test('what was not written to the disk is lost when the machine stops', async (t) => {
  const store = testStore(t);
  const [gone, saved] = [snapshotWith(store, 'a', '1'), snapshotWith(store, 'a', '2')];
  discardSnapshot(store, gone);
  prepareSync(0).begin(store.root);
  const state = join(snapshotPath(store.root, saved), 'snapshot.json');
  for (let waited = 0; (statSync(state).mode & 0o100) === 0 && waited < 180_000; waited += 20) await sleep(20);
  const lost = snapshotWith(store, 'a', '3');
  const declared = newSnapshot(store).id;
  completeSnapshot(store, declared, {synced: true, parents: []});
  for (const id of [lost, saved, declared]) reboot(store, id);
  t.deepEqual(
    [lost, saved, declared].map((id) => hasSnapshot(store, id)),
    [false, true, true],
  );
});

/** Whether a process waits to write snapshots to the disk with this delay. */
const waits = (delay: number): boolean =>
  readdirSync('/proc').some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0sh\0${delay}\0`);
    } catch {
      return false;
    }
  });

test('what is ready to write snapshots to the disk ends where nothing was made, and where another waits already', async (t) => {
  const store = testStore(t);
  const state = join(snapshotPath(store.root, snapshotWith(store, 'a', '1')), 'snapshot.json');
  const [nothing, first, second] = [1.0625, 6.0625, 6.125];
  const syncs = [nothing, first, second].map(prepareSync);
  t.deepEqual([nothing, first, second].map(waits), [true, true, true]);
  syncs[0]?.cancel();
  syncs[1]?.begin(store.root);
  await sleep(1000);
  syncs[2]?.begin(store.root);
  await sleep(1000);
  t.deepEqual([nothing, first, second].map(waits), [false, true, false]);
  // It may be unmounted meanwhile.
  t.deepEqual(processesWith(store.root), []);
  t.is(statSync(state).mode & 0o100, 0);
  for (let waited = 0; waits(first) && waited < 180_000; waited += 20) await sleep(20);
  t.is(statSync(state).mode & 0o100, 0o100);
});

for (const text of ['', '{', '{"version":1}', '{"version":1,"parents":["../x"],"boot":"","created":""}']) {
  test(`a snapshot whose state is ${JSON.stringify(text)} is not there`, (t) => {
    const store = testStore(t);
    const id = snapshotWith(store, 'a', '1');
    writeFileSync(join(snapshotPath(store.root, id), 'snapshot.json'), text);
    t.false(hasSnapshot(store, id));
    t.false(claimSnapshot(store, id));
  });
}

test('a chain goes from the bottom up, through several parents, each once', (t) => {
  const store = testStore(t);
  const base = snapshotWith(store, 'a', '1');
  const left = snapshotWith(store, 'b', '1', [base]);
  const linked = snapshotWith(store, 'c', '1');
  const top = snapshotWith(store, 'd', '1', [left, linked]);
  const twice = snapshotWith(store, 'e', '1', [top, left]);
  t.deepEqual(snapshotChain(store, top), [base, left, linked, top]);
  // What lies on top again hides the same thing below.
  t.deepEqual(snapshotChain(store, twice), [linked, top, base, left, twice]);
  rmSync(snapshotPath(store.root, linked), {recursive: true});
  t.is(snapshotChain(store, top), undefined);
  t.deepEqual(snapshotChain(store, left), [base, left]);
});

test('snapshots that name each other end', (t) => {
  const store = testStore(t);
  const [a, b] = [newSnapshot(store).id, newSnapshot(store).id];
  completeSnapshot(store, a, {synced: false, parents: [b]});
  completeSnapshot(store, b, {synced: false, parents: [a]});
  t.is(snapshotChain(store, a)?.length, 2);
});

test('names that are no snapshots are not there', (t) => {
  const store = testStore(t);
  for (const id of ['', '..', '../tags', '00000000-000000', 'a/b']) t.false(hasSnapshot(store, id));
});

test('a layer is kept beside its snapshot, by variant, as long as its blob is there', async (t) => {
  const store = testStore(t);
  const id = snapshotWith(store, 'a', '1');
  const blob = await writeBlob(store, chunks('layer'));
  const layer = {...blob, diffId: digestOf('tar'), mediaType: 'x'};
  writeSnapshotLayer(store, id, 'gzip-6', layer);
  t.deepEqual(readSnapshotLayer(store, id, 'gzip-6'), layer);
  t.is(readSnapshotLayer(store, id, 'zstd'), undefined);
  writeSnapshotLayer(store, id, 'zstd', {...layer, digest: digestOf('no such')});
  t.is(readSnapshotLayer(store, id, 'zstd'), undefined);
  t.throws(() => readSnapshotLayer(store, id, '../x'));
});

test('applied base layers are found by their chain', (t) => {
  const store = testStore(t);
  const [first, second] = [digestOf('1'), digestOf('2')];
  const chainId = chainIdOf(chainIdOf(undefined, first), second);
  t.is(chainId, digestOf(`${first} ${second}`));
  const id = snapshotWith(store, 'a', '1');
  writeChain(store, chainId, id);
  t.is(readChain(store, chainId), id);
  t.is(readChain(store, first), undefined);
  discardSnapshot(store, id);
  t.is(readChain(store, chainId), undefined);
});
