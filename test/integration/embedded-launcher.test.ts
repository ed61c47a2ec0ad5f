import {chmodSync, mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test from 'ava';
import {processesWith} from '../helpers/processes.js';
import {available} from '../helpers/requirement.js';
import {
  missingForRoot,
  type RunOptions,
  startExecutor,
  type TestExecutor,
  withExecutor,
} from '../helpers/step-executor.js';

const more: RunOptions = {more: true};

/** Processes of the runtime for one container, or for any, when there are as many as expected or ten seconds have gone by. */
async function runtimes(
  {directory}: TestExecutor,
  container: number | 'any',
  expected: number,
): Promise<readonly number[]> {
  const pidFile = join(directory, 'work/memory', container === 'any' ? 'step-' : `step-${container}/pid`);
  for (let tries = 0; ; tries++) {
    const found = processesWith(pidFile);
    if (found.length === expected || tries === 1000) return found;
    await sleep(10);
  }
}

test.serial('the runtime of the next step waits while a step runs, and runs it', withExecutor, async (t, e) => {
  t.is((await e.run('echo first', more)).stdout, 'first\n');
  const [waiting = 0] = await runtimes(e, 1, 1);
  t.true(
    readFileSync(`/proc/${waiting}/environ`, 'utf8').includes(`_LIBCONTAINER_STATEDIR=${e.directory}/work/memory/`),
  );
  const {stdout, error} = await e.run('echo $$; hostname; pwd; echo "$A"', {env: ['A=b'], workdir: '/made'});
  t.deepEqual([stdout, error], ['1\nbuildkitsandbox\n/made\nb\n', undefined]);
  t.deepEqual(await runtimes(e, 1, 0), []);
  t.deepEqual(await runtimes(e, 2, 0), [], 'none waits where no other step comes');
});

test.serial('a step whose runtime has waited fails, is stopped and prints as any other', withExecutor, async (t, e) => {
  await e.run('true', more);
  t.regex((await e.run('echo out; echo err >&2; exit 3', more)).error?.message ?? '', /exit code: 3$/);
  t.regex((await e.run(['nosuch'], more)).error?.message ?? '', /^cannot run "nosuch": the image has no such program/);
  const stopped = await e.run('trap "" TERM; sleep 4343; sleep 4343', {...more, abortAfter: 300});
  t.is(stopped.error?.message, 'aborted by the test');
  t.true(stopped.settled < 1000, `${stopped.settled} ms`);
  t.is((await e.run('true', {...more, abortAfter: 0})).error?.message, 'aborted by the test');
  t.deepEqual(processesWith('4343'), []);
  const texts = ['a', 'b', 'c', 'd'];
  const answers = await Promise.all(texts.map((text) => e.run(`sleep 0.1; echo ${text}`, {...more, overlay: true})));
  t.deepEqual(
    answers.map(({stdout}) => stdout),
    texts.map((text) => `${text}\n`),
  );
});

test.serial('a configuration larger than a pipe reaches a runtime', withExecutor, async (t, e) => {
  await e.run('true', more);
  await runtimes(e, 1, 1);
  const {stdout, error} = await e.run('echo "${#A}"', {env: [`A=${'x'.repeat(120_000)}`], ...more});
  t.deepEqual([stdout, error], ['120000\n', undefined]);
  t.deepEqual(await runtimes(e, 1, 0), []);
});

test.serial('a runtime that was killed while it waited, even just now, is replaced', withExecutor, async (t, e) => {
  for (let round = 0; round < 5; round++) {
    await e.run('true', more);
    const waiting = await runtimes(e, 'any', 1);
    t.is(waiting.length, 1);
    for (const pid of waiting) process.kill(pid, 'SIGKILL');
    const {stdout, error} = await e.run(`echo ${round}`);
    t.deepEqual([stdout, error], [`${round}\n`, undefined]);
  }
});

test.serial('a runtime that waits ends with the executor, however that ends', withExecutor, async (t, e) => {
  await e.run('true', more);
  t.is((await runtimes(e, 1, 1)).length, 1);
  await e.process.kill();
  t.deepEqual(await runtimes(e, 1, 0), []);
});

test.serial('where a runtime cannot read its configuration from a pipe, the step is run without', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const directory = mkdtempSync(join(tmpdir(), 'step-'));
  const path = join(directory, 'crun');
  // Arguments: --cgroup-manager=… --root … --log … --log-format json run --bundle BUNDLE …
  const refusal = `{"msg":"not a file","level":"error"}`;
  writeFileSync(
    path,
    `#!/bin/sh\nif [ -p "\${10}/config.json" ]; then echo '${refusal}' >"$5"; exit 1; fi\nexec crun "$@"\n`,
  );
  chmodSync(path, 0o755);
  const e = await startExecutor({directory, program: {kind: 'crun', path}});
  try {
    await e.run('true', more);
    for (let count = 0; count < 3; count++) t.is((await e.run(`echo ${count}`, more)).stdout, `${count}\n`);
    t.regex((await e.run(['nosuch'], more)).error?.message ?? '', /^cannot run "nosuch"/);
  } finally {
    await e.close();
  }
});
