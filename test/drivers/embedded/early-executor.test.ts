import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {startEarly} from '../../../engine/drivers/embedded/early-executor.js';
import {available} from '../../helpers/requirement.js';
import {missingForRoot} from '../../helpers/step-executor.js';

test('an executor that is not needed ends whenever it is dropped, also while it starts', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  t.timeout(60_000);
  for (let delay = 0; delay < 30; delay += 0.5) {
    const early = startEarly(false);
    await sleep(delay);
    const ended = early.drop().then(() => true);
    t.true(await Promise.race([ended, sleep(10_000, false, {ref: false})]), `after ${delay} ms`);
  }
});

test('it is taken once, and whoever started it waits for its end', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const early = startEarly(false);
  const executor = await early.take();
  t.is(early.take(), undefined);
  void executor?.kill();
  await early.drop();
  t.not(executor?.channel.signalCode, null);
  await early.drop();
});
