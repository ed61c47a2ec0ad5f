import {setMaxListeners} from 'node:events';
import pLimit from 'p-limit';

/** Runs at most so many tasks at once; the others wait in order. */
export interface Limiter {
  /**
   * Result of `task`, started when a place is free. Rejects with the signal's reason as soon as it is aborted, also while
   * the task waits, which is then never started; a task that runs is told through the same signal, and its place is
   * free only when it has ended. A task must not call `run` of its own limiter: all places may be taken by waiters.
   */
  run<T>(task: () => Promise<T> | T, signal?: AbortSignal): Promise<T>;
  /** Rejects every task that has not started, with an AbortError. */
  clear(): void;
  readonly active: number;
  readonly waiting: number;
}

/** `most` is at least 1. */
export function createLimiter(most: number): Limiter {
  // Without rejectOnClear, clearing leaves the waiting promises pending for ever.
  const limit = pLimit({concurrency: most, rejectOnClear: true});
  return {
    async run<T>(task: () => Promise<T> | T, signal?: AbortSignal): Promise<T> {
      signal?.throwIfAborted();
      const placed = limit(async () => {
        signal?.throwIfAborted();
        return task();
      });
      return signal === undefined ? placed : abortable(placed, signal);
    },
    clear: () => limit.clearQueue(),
    get active() {
      return limit.activeCount;
    },
    get waiting() {
      return limit.pendingCount;
    },
  };
}

/** As `promise`, but rejects with the signal's reason when that comes first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const {promise: aborted, reject} = deferred();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, {once: true});
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function deferred(): {promise: Promise<never>; reject: (reason: unknown) => void} {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, refuse) => {
    reject = refuse;
  });
  return {promise, reject};
}

/**
 * Results in the order of `items`, at most `most` tasks at once. When one fails or the signal is aborted, the tasks that
 * run are aborted through their signal, nothing more is started, and the first error is thrown when all have ended.
 */
export async function mapLimited<Item, Result>(
  items: Iterable<Item>,
  most: number,
  task: (item: Item, index: number, signal: AbortSignal) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result[]> {
  const failure = new AbortController();
  const either = signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]);
  // Every request of every task waits for it: that is no leak.
  setMaxListeners(0, either);
  const limit = pLimit({concurrency: most, rejectOnClear: true});
  const outcomes = await Promise.allSettled(
    [...items].map((item, index) =>
      limit(async () => {
        either.throwIfAborted();
        try {
          return await task(item, index, either);
        } catch (error) {
          failure.abort(error);
          throw error;
        }
      }),
    ),
  );
  either.throwIfAborted();
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
