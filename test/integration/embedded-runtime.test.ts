import test, {type ExecutionContext} from 'ava';
import {available} from '../helpers/requirement.js';
import {missingForRoot, startExecutor, type TestExecutor} from '../helpers/step-executor.js';

/** With an executor as root; skipped where the machine lacks something. */
const inContainer = test.macro(
  async (t: ExecutionContext, body: (t: ExecutionContext, e: TestExecutor) => Promise<void>) => {
    if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
    const executor = await startExecutor();
    try {
      await body(t, executor);
    } finally {
      await executor.close();
    }
  },
);

test('a step runs in a container and what it prints arrives on its stream', inContainer, async (t, {run}) => {
  const {stdout, stderr, error} = await run('echo out; echo err >&2');
  t.is(error, undefined);
  t.deepEqual([stdout, stderr], ['out\n', 'err\n']);
});
