import {readFileSync} from 'node:fs';
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import {runTool} from '../../engine/bases/run-tool.js';

/** False for a zombie too: not every machine's first process reaps orphans. */
function runs(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

const never = new AbortController().signal;

test('a tool gets its input and environment, and what it prints is returned', async (t) => {
  const lines: string[] = [];
  const printed = await runTool(['sh', '-c', 'cat; echo "$GREETING"; echo note >&2'], 'dash', never, {
    input: 'in\n',
    environment: {GREETING: 'a b'},
    onLine: (line) => lines.push(line),
  });
  t.is(printed, 'in\na b\n');
  t.deepEqual(lines, ['note']);
});

test('a failing tool is an error with its last lines', async (t) => {
  const error = await t.throwsAsync(runTool(['sh', '-c', 'echo E: no such suite >&2; exit 25'], 'dash', never), {
    code: 'BUILD_FAILED',
    message: /exit status 25/,
  });
  t.like(error, {details: {remedy: 'E: no such suite'}});
  const named = runTool(['env', 'sh', '-c', 'exit 127'], 'its-package', never, {name: 'the-tool'});
  await t.throwsAsync(named, {message: 'the-tool is not installed'});
});

for (const environment of [{}, {A: '1'}]) {
  test(`a missing tool is named with its package (environment ${JSON.stringify(environment)})`, async (t) => {
    const error = await t.throwsAsync(runTool(['no-such-tool-here'], 'its-package', never, {environment}), {
      code: 'TOOL_MISSING',
    });
    t.like(error, {details: {remedy: 'Install it: apt-get install its-package'}});
  });
}

test('a tool that does not read its input is no error', async (t) => {
  t.is(await runTool(['true'], 'coreutils', never, {input: 'x'.repeat(1 << 20)}), '');
});

test('on abort the tool and its children end, and the reason is what is thrown', async (t) => {
  const controller = new AbortController();
  let child = 0;
  const running = runTool(['sh', '-c', 'sleep 100 & echo $! >&2; wait'], 'dash', controller.signal, {
    onLine: (line) => {
      child = Number(line);
      controller.abort(new Error('stop now'));
    },
  });
  await t.throwsAsync(running, {message: 'stop now'});
  await delay(50);
  t.false(runs(child));
});
