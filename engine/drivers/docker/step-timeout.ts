import {BuildError, type SourceRange} from '../../base/errors.js';

export interface LateStep {
  readonly name: string;
  readonly range: SourceRange | undefined;
}

/** Aborts its signal with TIMEOUT when `late` finds a step that ran longer than `limit` ms. `stop` ends the watch. */
export function watchSteps(
  limit: number | undefined,
  late: (limit: number) => LateStep | undefined,
): {readonly signal: AbortSignal; stop(): void} {
  const controller = new AbortController();
  if (limit === undefined) return {signal: controller.signal, stop: () => undefined};
  const look = (): void => {
    const step = late(limit);
    if (step === undefined) return;
    controller.abort(
      new BuildError('TIMEOUT', `${step.name} ran longer than ${limit / 1000} s`, {
        ...(step.range !== undefined && {range: step.range}),
        remedy: 'Raise --step-timeout, or see in its log what it waits for.',
      }),
    );
  };
  const timer = setInterval(look, Math.min(200, Math.max(10, limit / 4)));
  return {signal: controller.signal, stop: () => clearInterval(timer)};
}
