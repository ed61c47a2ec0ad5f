import type {Redactor} from '../base/redact.js';
import type {EventSink} from './events.js';

/** What shows a build. `emit` and `close` never throw; what comes after `close` is dropped. */
export interface Progress extends EventSink {
  /** Writes what is left: at a failure the complete log of the failed step, last. Idempotent. */
  close(error?: unknown): void;
}

export interface ProgressOptions {
  /** Standard error; a failure to write ends the output, not the build. */
  readonly write: (text: string) => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Colour sequences may be written. */
  readonly color: boolean;
  /** Applied to every text that is written. */
  readonly redactor?: Redactor;
}

/** The steps that belong to the Dockerfile are named so; loading and exporting are not counted. */
const instructionName = /^\[(?:([^\]]{0,200}?) +)?(\d+)\/(\d+)\] /;

/** Stage of a step and the stage's number of steps, from its name: `[builder 3/7] RUN make`. */
export function instructionOf(name: string): {readonly stage: string; readonly of: number} | undefined {
  const match = instructionName.exec(name);
  return match === null ? undefined : {stage: match[1] ?? '', of: Number(match[3])};
}

/** The same sink, which drops events after `close` and everything after an error of its own. */
export function guarded(inner: Progress): Progress {
  let open = true;
  return {
    emit(event) {
      if (!open) return;
      try {
        inner.emit(event);
      } catch {
        open = false;
        quietly(() => inner.close());
      }
    },
    close(error) {
      if (!open) return;
      open = false;
      quietly(() => inner.close(error));
    },
  };
}

function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // Standard error is gone: there is nobody to tell.
  }
}
