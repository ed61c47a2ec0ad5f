/** Facts about a running build, one at a time; what `--progress rawjson` prints, one a line. `time` is ISO 8601. */
export type BuildEvent = {readonly time: string} & (
  | {
      readonly type: 'step-started';
      /** Stable within the build. */
      readonly step: string;
      /** As in `[builder 3/7] RUN make`. */
      readonly name: string;
      /** Undefined for what belongs to no stage (loading the Dockerfile, the context). */
      readonly stage?: string;
      /** 1-based line of the instruction. */
      readonly line?: number;
      /** Id of the plan's step, where it is one. */
      readonly planStep?: string;
    }
  | {
      readonly type: 'step-log';
      readonly step: string;
      readonly stream: 'stdout' | 'stderr';
      /** May be part of a line. */
      readonly text: string;
    }
  | {
      readonly type: 'step-progress';
      readonly step: string;
      /** `sha256:… extracting`, `transferring context`. */
      readonly label: string;
      readonly current: number;
      /** 0: unknown. */
      readonly total: number;
      /** What `current` and `total` count; bytes unless said. */
      readonly unit?: 'bytes' | 'items';
    }
  | {readonly type: 'step-done'; readonly step: string; readonly seconds: number; readonly error?: string}
  | {
      readonly type: 'step-cached';
      readonly step: string;
      readonly name: string;
      readonly reason?: string;
      readonly planStep?: string;
    }
  /** For the history, before the step is looked up: its cache key and what that was made of. No display shows it. */
  | {
      readonly type: 'step-key';
      readonly step: string;
      readonly key: string;
      readonly parts: readonly {readonly kind: string; readonly name: string; readonly value: unknown}[];
    }
  | {readonly type: 'warning'; readonly rule?: string; readonly line?: number; readonly message: string}
  | {readonly type: 'note'; /** Said once to the user: a file created, a fall-back taken. */ readonly message: string}
  | {
      readonly type: 'result';
      readonly digest: string | null;
      readonly tags: readonly string[];
      readonly artifacts: readonly string[];
      readonly seconds: number;
      readonly steps: {readonly ran: number; readonly cached: number};
    }
);

/** An event before its sink stamps the time. */
export type BuildEventBody = BuildEvent extends infer E ? (E extends BuildEvent ? Omit<E, 'time'> : never) : never;

/** Takes events; never throws and never blocks the build. */
export interface EventSink {
  emit(event: BuildEventBody): void;
}
