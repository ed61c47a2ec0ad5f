/** What is stored about steps that have been made, while those after them begin. */
export interface Recordings {
  /** What `work` gives, as soon as it gives it; rejects as it does before. `work` goes on, and `done` waits for it. */
  ahead<T>(work: (give: (made: T) => void) => Promise<void>): Promise<T>;
  /** Resolves when all has been stored; rejects with the first failure, when nothing goes on any more. Idempotent. */
  done(): Promise<void>;
}

export function createRecordings(): Recordings {
  const begun: Promise<void>[] = [];
  return {
    ahead: (work) =>
      new Promise((resolve, reject) => {
        const all = work(resolve);
        begun.push(all);
        all.catch(reject);
      }),
    async done() {
      await Promise.allSettled(begun);
      await Promise.all(begun);
    },
  };
}

/** Resolves when what waits for nothing has been done: the next step has been started by then. */
export const whenIdle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
