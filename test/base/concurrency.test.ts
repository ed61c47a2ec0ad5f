import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import {createLimiter, mapLimited} from '../../engine/base/concurrency.js';

test('never more tasks run at once than the limit allows, and all of them run in order', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({min: 1, max: 5}), fc.array(fc.integer({min: 0, max: 3})), async (most, waits) => {
      const limiter = createLimiter(most);
      let running = 0;
      let peak = 0;
      const started: number[] = [];
      const results = await Promise.all(
        waits.map((wait, index) =>
          limiter.run(async () => {
            started.push(index);
            peak = Math.max(peak, ++running);
            for (let i = 0; i < wait; i++) await Promise.resolve();
            running--;
            return index;
          }),
        ),
      );
      t.true(peak <= most);
      t.deepEqual(results, [...waits.keys()]);
      t.deepEqual(started, [...waits.keys()]);
      t.deepEqual([limiter.active, limiter.waiting], [0, 0]);
    }),
    {numRuns: 50},
  );
});

test('a waiting task rejects at once when its signal is aborted, and never starts', async (t) => {
  const limiter = createLimiter(1);
  const gate = new AbortController();
  const first = limiter.run(async () => {
    await sleep(10_000, undefined, {signal: gate.signal}).catch(() => undefined);
    return 'first';
  });
  const controller = new AbortController();
  let started = false;
  const second = limiter.run(() => {
    started = true;
  }, controller.signal);
  controller.abort(new Error('enough'));
  await t.throwsAsync(second, {message: 'enough'});
  gate.abort();
  t.is(await first, 'first');
  t.is(await limiter.run(() => 'third'), 'third');
  t.false(started);
});

test('clearing the queue rejects what waits instead of leaving it pending', async (t) => {
  const limiter = createLimiter(1);
  const gate = new AbortController();
  const first = limiter.run(() => sleep(10_000, undefined, {signal: gate.signal}).catch(() => 'ended'));
  await Promise.resolve();
  const second = limiter.run(() => 'never');
  await Promise.resolve();
  limiter.clear();
  await t.throwsAsync(second, {any: true, name: 'AbortError'});
  gate.abort();
  t.is(await first, 'ended');
});

test('an already aborted signal starts nothing', async (t) => {
  const signal = AbortSignal.abort(new Error('before'));
  await t.throwsAsync(
    createLimiter(2).run(() => t.fail(), signal),
    {message: 'before'},
  );
});

test('the first failure of mapLimited aborts the running tasks and starts no more', async (t) => {
  const started: number[] = [];
  const aborted: number[] = [];
  const failing = mapLimited([0, 1, 2, 3, 4], 2, async (item, _, signal) => {
    started.push(item);
    if (item === 1) throw new Error('second failed');
    try {
      await sleep(10_000, undefined, {signal});
    } catch {
      aborted.push(item);
    }
    return item;
  });
  await t.throwsAsync(failing, {message: 'second failed'});
  t.deepEqual(started, [0, 1]);
  t.deepEqual(aborted, [0]);
});

test('mapLimited keeps the order of its items', async (t) => {
  const results = await mapLimited([3, 1, 2], 3, async (item) => {
    await sleep(item * 3);
    return item * 10;
  });
  t.deepEqual(results, [30, 10, 20]);
});

test('mapLimited rejects with the reason of the signal', async (t) => {
  const controller = new AbortController();
  const running = mapLimited([1, 2, 3], 1, (_, __, signal) => sleep(10_000, 0, {signal}), controller.signal);
  controller.abort(new Error('stopped'));
  await t.throwsAsync(running, {message: 'stopped'});
});
