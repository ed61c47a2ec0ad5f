/** Something to run that is made of steps, some of them those of others too. */
export interface Job {
  /** Keys of its steps. */
  readonly steps: ReadonlySet<string>;
}

export interface Schedule<T extends Job> {
  /** The step was made, or was there. */
  made(key: string): void;
  /** Ends what waits: nothing more is started. */
  stop(): void;
  /** Resolves when every job has ended or, after `stop`, when those that run have. Rejects with what `run` rejects with. */
  readonly done: Promise<void>;
  /** Jobs that were not started, in order. */
  waiting(): readonly T[];
}

/**
 * Runs jobs, at most `most` at once, in order as far as it goes: a job waits while another makes a step that both need, so
 * that no step is made twice. `run` tells through `made` what is there.
 */
export function schedule<T extends Job>(
  jobs: readonly T[],
  most: number,
  run: (job: T, schedule: Pick<Schedule<T>, 'made'>) => Promise<void>,
): Schedule<T> {
  const made = new Set<string>();
  const running = new Set<T>();
  let waiting = [...jobs];
  let failure: {readonly error: unknown} | undefined;
  let resolve: () => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const done = new Promise<void>((ok, fail) => ([resolve, reject] = [ok, fail]));

  const collides = (job: T): boolean =>
    [...running].some((other) => [...job.steps].some((key) => !made.has(key) && other.steps.has(key)));

  const next = (): void => {
    if (running.size === 0 && (waiting.length === 0 || failure !== undefined)) {
      if (failure === undefined) resolve();
      else reject(failure.error);
      return;
    }
    if (failure !== undefined) return;
    for (const job of waiting) {
      if (running.size >= most) return;
      if (!collides(job)) start(job);
    }
  };

  const start = (job: T): void => {
    waiting = waiting.filter((other) => other !== job);
    running.add(job);
    run(job, {made: tell})
      .catch((error: unknown) => {
        failure ??= {error};
      })
      .finally(() => {
        running.delete(job);
        next();
      });
  };

  const tell = (key: string): void => {
    if (made.has(key)) return;
    made.add(key);
    next();
  };

  queueMicrotask(next);
  return {
    made: tell,
    stop: () => {
      waiting = [];
    },
    done,
    waiting: () => waiting,
  };
}
