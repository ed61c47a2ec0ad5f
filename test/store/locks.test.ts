import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import {withLock} from '../../engine/store/locks.js';
import {filesBelow, exitOf, firstOutput, never, startChild, testStore} from './stores.js';

test('a lock is held by one at a time, in turn, in one process', async (t) => {
  const store = testStore(t);
  const log: string[] = [];
  await Promise.all(
    [1, 2, 3, 4].map((number) =>
      withLock(store, 'a/b', never, async () => {
        log.push(`${number} begins`);
        await delay(3);
        log.push(`${number} ends`);
      }),
    ),
  );
  t.deepEqual(
    log,
    [1, 2, 3, 4].flatMap((number) => [`${number} begins`, `${number} ends`]),
  );
  t.deepEqual(filesBelow(join(store.root, 'locks')), []);
});

test('locks of other names do not wait', async (t) => {
  const store = testStore(t);
  const value = await withLock(store, 'a', never, () => withLock(store, 'b', never, () => 'both'));
  t.is(value, 'both');
});

test('a lock ends when the action fails', async (t) => {
  const store = testStore(t);
  const failure = new Error('failed');
  t.is(
    await t.throwsAsync(
      withLock(store, 'a', never, () => {
        throw failure;
      }),
    ),
    failure,
  );
  t.is(await withLock(store, 'a', never, () => 1), 1);
});

test('who waits for a lock can be cancelled, and the others still get it', async (t) => {
  const store = testStore(t);
  const reason = new Error('enough');
  const controller = new AbortController();
  let release: () => void = () => undefined;
  const first = withLock(store, 'a', never, () => new Promise<void>((resolve) => (release = resolve)));
  const second = withLock(store, 'a', controller.signal, () => t.fail());
  const third = withLock(store, 'a', never, () => 3);
  controller.abort(reason);
  t.is(await t.throwsAsync(second), reason);
  release();
  await first;
  t.is(await third, 3);
});

test('three processes add to one number under one lock, and nothing is lost', async (t) => {
  const store = testStore(t);
  const file = join(store.root, 'number');
  await withLock(store, 'first', never, () => writeFileSync(file, '0'));
  const children = [1, 2, 3].map(() => startChild(t, 'count', store.root, file, '40'));
  t.deepEqual(await Promise.all(children.map(exitOf)), [0, 0, 0]);
  t.is(readFileSync(file, 'utf8'), '120');
});

test('of three processes that need the same steps, each step is made by one', async (t) => {
  const store = testStore(t);
  const log = join(store.root, 'log');
  await withLock(store, 'first', never, () => undefined);
  const children = [1, 2, 3].map(() => startChild(t, 'step', store.root, log, '20'));
  t.deepEqual(await Promise.all(children.map(exitOf)), [0, 0, 0]);
  const made = readFileSync(log, 'utf8').trim().split('\n').map(Number);
  t.deepEqual(
    made.toSorted((a, b) => a - b),
    Array.from({length: 20}, (_, number) => number),
  );
});

test('the lock of a process that is killed is free, and one who waits elsewhere can be cancelled', async (t) => {
  const store = testStore(t);
  const child = startChild(t, 'hold', store.root);
  await firstOutput(child);
  const controller = new AbortController();
  const reason = new Error('enough');
  const cancelled = withLock(store, 'held', controller.signal, () => t.fail());
  setTimeout(() => controller.abort(reason), 50);
  t.is(await t.throwsAsync(cancelled), reason);
  const waiting = withLock(store, 'held', never, () => 'mine');
  child.kill('SIGKILL');
  t.is(await waiting, 'mine');
});
