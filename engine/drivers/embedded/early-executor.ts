import type {NamespacedProcess} from './enter-namespace.js';
import type {ToExecutor} from './protocol.js';
import {startExecutor} from './start-executor.js';

/** An executor that starts while it is still being found out what it has to build. */
export interface EarlyExecutor {
  /** The executor, for one build; undefined where somebody has taken it. Rejects as `startExecutor`. */
  take(): Promise<NamespacedProcess> | undefined;
  /** Ends it, whoever has taken it, and resolves when all is gone. Idempotent. */
  drop(): Promise<void>;
}

export function startEarly(rootless: boolean): EarlyExecutor {
  const given = new AbortController();
  const starting = startExecutor(rootless, {
    first: {type: 'prepare', rootless} satisfies ToExecutor,
    signal: given.signal,
  });
  // Why it did not start is told to who takes it.
  starting.catch(() => undefined);
  let taken = false;
  return {
    take() {
      if (taken) return undefined;
      taken = true;
      return starting;
    },
    async drop() {
      if (!taken) given.abort();
      taken = true;
      await starting.then(
        (executor) => executor.kill(),
        () => undefined,
      );
    },
  };
}
