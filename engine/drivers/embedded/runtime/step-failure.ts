import {constants} from 'node:os';
import {BuildError, quote} from '../../../base/errors.js';

const signals = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** The step's process ended with `status`. The wording is BuildKit's: people look for it. */
export function stepFailure(argv: readonly string[], status: number, outOfMemory: boolean): BuildError {
  const name = status > 128 ? signals.get(status - 128) : undefined;
  const reasons = [
    ...(name === undefined ? [] : [`killed by ${name}`]),
    ...(status === 137 && outOfMemory ? ['the machine ran out of memory'] : []),
  ];
  const why = reasons.length === 0 ? '' : ` (${reasons.join(': ')})`;
  return new BuildError(
    'STEP_FAILED',
    `process ${quote(argv.join(' '))} did not complete successfully: exit code: ${status}${why}`,
    status === 137 && outOfMemory
      ? {remedy: 'Run fewer steps at once (--jobs 1), or give the machine more memory.'}
      : {},
  );
}

/** The runtime could not start the step's process; `said` is its message. */
export function startFailure(argv: readonly string[], said: string, runtime: string): BuildError {
  const program = quote(argv[0] ?? '');
  const cause = new Error(said);
  if (/exec format error/i.test(said)) {
    return new BuildError('STEP_FAILED', `cannot run ${program}: it is for another kind of machine, or not a program`, {
      remedy: 'Check the platform of the base image, and that a script begins with #!.',
      cause,
    });
  }
  if (/not found|no such file/i.test(said) && said.includes(argv[0] ?? '')) {
    return new BuildError('STEP_FAILED', `cannot run ${program}: the image has no such program`, {
      remedy: `Install it in an earlier step, or check PATH. An image without a shell needs RUN ["program", …].`,
      cause,
    });
  }
  return new BuildError('STEP_FAILED', `${runtime} could not start ${program}: ${said}`, {cause});
}
