import {existsSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {dropFailure, type FailedStep, readFailure, writeFailure} from '../../engine/store/failures.js';
import {closeStore, openStore} from '../../engine/store/open.js';
import {pruneStore} from '../../engine/store/prune.js';
import {snapshotFs} from '../../engine/store/snapshots.js';
import type {Store} from '../../engine/store/store.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {keyOf, never, snapshotWith, testStore, withStore} from './stores.js';

function failIn(store: Store, number: number): FailedStep {
  const snapshot = snapshotWith(store, 'log', 'why');
  const failed = {key: keyOf(number), step: 'a.1', snapshot, below: [], time: new Date().toISOString()};
  writeFailure(store, failed);
  return failed;
}

test('what a failed step left is found by its key, and the next failure of the step takes its place', (t) => {
  const store = testStore(t);
  const first = failIn(store, 1);
  t.deepEqual(readFailure(store, keyOf(1)), first);
  const second = failIn(store, 1);
  t.deepEqual(readFailure(store, keyOf(1)), second);
  t.false(existsSync(snapshotFs(store, first.snapshot)));
  t.is(readFailure(store, keyOf(2)), undefined);
});

test('what somebody looks at stays while the step fails again, or succeeds, until a prune', async (t) => {
  const root = temporaryDirectory(t);
  const [one, two] = await withStore(root, (store) => [failIn(store, 1), failIn(store, 2)]);
  const shell = openStore(root, never);
  t.deepEqual(readFailure(shell, keyOf(1)), one);
  t.deepEqual(readFailure(shell, keyOf(2)), two);
  await withStore(root, (store) => {
    failIn(store, 1);
    dropFailure(store, keyOf(2));
  });
  for (const {snapshot} of [one, two]) t.true(existsSync(join(snapshotFs(shell, snapshot), 'log')));
  closeStore(shell);
  await withStore(root, async (store) => {
    t.is(readFailure(store, keyOf(2)), undefined);
    await pruneStore(store, {});
    for (const {snapshot} of [one, two]) t.false(existsSync(snapshotFs(store, snapshot)));
  });
});

test('the last three failures are kept, and a damaged file is none', (t) => {
  const store = testStore(t);
  for (const number of [1, 2, 3]) failIn(store, number);
  writeFileSync(join(store.root, 'failed', keyOf(9)), 'half');
  t.is(readFailure(store, keyOf(9)), undefined);
  failIn(store, 4);
  t.is(readdirSync(join(store.root, 'failed')).length, 3);
  t.false(existsSync(join(store.root, 'failed', keyOf(9))));
});
