import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import {type Job, schedule} from '../../engine/experiment/schedule.js';

interface Named extends Job {
  readonly name: string;
}

const job = (name: string, steps: readonly string[]): Named => ({name, steps: new Set(steps)});

/** Runs jobs that make their steps one after another; what is there is not made again. */
async function run(jobs: readonly Named[], most: number) {
  const made = new Map<string, number>();
  const inWork = new Set<string>();
  let running = 0;
  let mostRunning = 0;
  let twice = false;
  const {done} = schedule(jobs, most, async (one, {made: tell}) => {
    mostRunning = Math.max(mostRunning, ++running);
    for (const key of one.steps) {
      if (made.has(key)) continue;
      if (inWork.has(key)) twice = true;
      inWork.add(key);
      await delay(0);
      inWork.delete(key);
      made.set(key, (made.get(key) ?? 0) + 1);
      tell(key);
    }
    running--;
  });
  await done;
  return {made, twice, mostRunning};
}

test('no step is made twice, every job runs, and no more at once than may', async (t) => {
  const jobs = fc.array(fc.uniqueArray(fc.integer({min: 0, max: 6}), {maxLength: 5}), {maxLength: 8});
  await fc.assert(
    fc.asyncProperty(jobs, fc.integer({min: 1, max: 4}), async (sets, most) => {
      const all = sets.map((set, index) => job(String(index), set.map(String)));
      const {made, twice, mostRunning} = await run(all, most);
      const wanted = new Set(all.flatMap(({steps}) => [...steps]));
      return !twice && made.size === wanted.size && mostRunning <= most;
    }),
    {numRuns: 60},
  );
  t.pass();
});

test('a job starts as soon as the steps that it shares are made, not when the other has ended', async (t) => {
  const order: string[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const {done} = schedule([job('a', ['base', 'a']), job('b', ['base', 'b'])], 2, async ({name}, {made}) => {
    order.push(name);
    if (name === 'b') {
      release();
      return;
    }
    t.deepEqual(order, ['a']);
    made('base');
    await held;
  });
  await done;
  t.deepEqual(order, ['a', 'b']);
});

test('after stop nothing more is started', async (t) => {
  const started: string[] = [];
  const jobs = ['a', 'b', 'c'].map((name) => job(name, [name]));
  const running = schedule(jobs, 1, ({name}) => {
    started.push(name);
    if (name === 'a') running.stop();
    return Promise.resolve();
  });
  await running.done;
  t.deepEqual(started, ['a']);
});
