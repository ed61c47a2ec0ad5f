import type {Redactor} from '../base/redact.js';
import type {BuildEventBody} from './events.js';
import {createLogLines, type LogLines} from './log-lines.js';
import {instructionOf} from './progress.js';
import {createStepLog, type StepLog} from './step-log.js';
import {plainText} from './text.js';
import {createTransfers, type Transfers} from './transfers.js';

const tailLines = 8;

export type StepStatus = 'running' | 'done' | 'cached' | 'failed' | 'cancelled';

/** What is known of one step. */
export interface StepState {
  readonly id: string;
  /** 1-based, in the order of first appearance. */
  readonly number: number;
  name: string;
  /** Empty where it belongs to none. */
  stage: string;
  line: number | undefined;
  status: StepStatus;
  /** Milliseconds, by the clock of the table. */
  readonly startedAt: number;
  /** Set when it has ended. */
  seconds: number;
  error: string | undefined;
  readonly log: StepLog;
  /** Its last lines. */
  readonly tail: string[];
  readonly output: Readonly<Record<'stdout' | 'stderr', LogLines>>;
  readonly transfers: Transfers;
}

/** The steps of a build, kept up to date by its events in whatever order they come. Names are redacted. */
export interface StepTable {
  readonly steps: ReadonlyMap<string, StepState>;
  step(id: string): StepState;
  start(event: BuildEventBody & {type: 'step-started'}): StepState;
  /** The lines that this piece completes. */
  log(event: BuildEventBody & {type: 'step-log'}): {readonly step: StepState; readonly lines: readonly string[]};
  /** `rest` is what the output held without a line end. False for `changed`: it had ended before. */
  end(event: BuildEventBody & {type: 'step-done' | 'step-cached'}): {
    readonly step: StepState;
    readonly rest: readonly string[];
    readonly changed: boolean;
  };
  /** What the outputs of all steps still held without a line end. */
  flush(): readonly {readonly step: StepState; readonly rest: readonly string[]}[];
  /** Text of the process outside of logs: redacted, on one line, without control characters. */
  readonly clean: (text: string) => string;
  /** Failed steps in the order of their failure. */
  readonly failed: readonly StepState[];
  close(): void;
}

export function createStepTable(now: () => number, redactor: Redactor): StepTable {
  const steps = new Map<string, StepState>();
  const failed: StepState[] = [];
  const clean = (text: string) =>
    redactor.redact(plainText(redactor.redact(text).replace(/\s*[\r\n]+\s*/g, ' '))).trim();

  const step = (id: string): StepState => {
    const known = steps.get(id);
    if (known !== undefined) return known;
    const made: StepState = {
      id,
      number: steps.size + 1,
      name: clean(id),
      stage: '',
      line: undefined,
      status: 'running',
      startedAt: now(),
      seconds: 0,
      error: undefined,
      log: createStepLog(),
      tail: [],
      output: {stdout: createLogLines(redactor), stderr: createLogLines(redactor)},
      transfers: createTransfers(now),
    };
    steps.set(id, made);
    return made;
  };

  const rename = (state: StepState, name: string) => {
    state.name = clean(name);
    state.stage = instructionOf(state.name)?.stage ?? state.stage;
  };

  const keep = (state: StepState, lines: readonly string[]) => {
    // What comes late belongs to a step whose log nobody will ask for.
    if (state.status !== 'running' && state.status !== 'failed') return;
    for (const line of lines) {
      state.log.append(line);
      state.tail.push(line);
    }
    if (state.tail.length > tailLines) state.tail.splice(0, state.tail.length - tailLines);
  };

  return {
    steps,
    failed,
    step,
    clean,
    start(event) {
      const state = step(event.step);
      rename(state, event.name);
      if (event.stage !== undefined) state.stage = clean(event.stage);
      if (event.line !== undefined) state.line = event.line;
      // A builder may take up a step again (its cache is looked through, then it runs).
      if (state.status !== 'failed') state.status = 'running';
      return state;
    },
    log(event) {
      const state = step(event.step);
      const lines = state.output[event.stream].push(event.text);
      keep(state, lines);
      return {step: state, lines};
    },
    end(event) {
      const state = step(event.step);
      const rest = [...state.output.stdout.end(), ...state.output.stderr.end()];
      keep(state, rest);
      if (event.type === 'step-cached') {
        const changed = state.status === 'running';
        if (event.name !== '') rename(state, event.name);
        if (changed) state.status = 'cached';
        return {step: state, rest, changed};
      }
      const changed = state.status === 'running' || (event.error !== undefined && state.status !== 'failed');
      if (!changed) return {step: state, rest, changed};
      state.seconds = event.seconds;
      state.error = event.error === undefined ? undefined : clean(event.error);
      state.status = statusOf(event.error, failed.length > 0);
      if (state.status === 'failed') failed.push(state);
      else state.log.clear();
      return {step: state, rest, changed};
    },
    flush() {
      return [...steps.values()].map((state) => {
        const rest = [...state.output.stdout.end(), ...state.output.stderr.end()];
        keep(state, rest);
        return {step: state, rest};
      });
    },
    close() {
      for (const state of steps.values()) state.log.clear();
    },
  };
}

/** What is stopped because another step failed is reported as an error too, and would bury the one that matters. */
function statusOf(error: string | undefined, afterFailure: boolean): StepStatus {
  if (error === undefined) return 'done';
  if (error === 'cancelled') return 'cancelled';
  return afterFailure && /\bcancell?ed\b/i.test(error) ? 'cancelled' : 'failed';
}
