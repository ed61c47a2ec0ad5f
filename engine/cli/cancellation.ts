import {setMaxListeners} from 'node:events';
import {BuildError} from '../base/errors.js';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What a clean stop may take before the process ends anyway, ms. */
const patience = 5000;

export interface Cancellation {
  readonly signal: AbortSignal;
  dispose(): void;
}

/** Aborts on SIGINT, SIGTERM and SIGHUP; a second one, or five seconds, ends the process at once. */
export function cancellation(): Cancellation {
  const controller = new AbortController();
  // As many requests and steps as a build has wait for it: that is no leak.
  setMaxListeners(0, controller.signal);
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new BuildError('CANCELLED', `cancelled (${name})`));
    setTimeout(() => process.exit(130), patience).unref();
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}

/** `signal`, or TIMEOUT after `milliseconds`. */
export function withTimeout(signal: AbortSignal, milliseconds: number | undefined, text: string): Cancellation {
  if (milliseconds === undefined) return {signal, dispose: () => undefined};
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new BuildError('TIMEOUT', `the build took longer than --timeout ${text}`)),
    milliseconds,
  );
  return {signal: AbortSignal.any([signal, controller.signal]), dispose: () => clearTimeout(timer)};
}
