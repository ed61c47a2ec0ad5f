import type {BuildEventBody, EventSink} from './events.js';
import {instructionOf} from './progress.js';

export interface StepRecord {
  readonly step: string;
  readonly name: string;
  readonly stage: string | undefined;
  readonly line: number | undefined;
  readonly cached: boolean;
  /** Why, where the builder says. */
  readonly reason: string | undefined;
  readonly seconds: number;
  readonly error: string | undefined;
  /** Id of the plan's step, where it is one. */
  readonly planStep: string | undefined;
  /** Seconds from the first event until it began. */
  readonly start: number;
}

/** What a step's cache key was made of. */
export type StepKey = Omit<BuildEventBody & {readonly type: 'step-key'}, 'type' | 'step'>;

export interface StepSummary {
  /** Instructions that ran to their end or failed; loading and exporting do not count. */
  readonly ran: number;
  readonly cached: number;
  /** From the first event until now. */
  readonly seconds: number;
  /** Every step that ended, in order of first appearance; these include loading and exporting. */
  readonly steps: readonly StepRecord[];
  /** By the ids of steps; none where the builder keeps its keys to itself. */
  readonly keys: ReadonlyMap<string, StepKey>;
}

/** Remembers how each step ended. `now` in milliseconds. */
export function collectSteps(now: () => number): EventSink & {summary(): StepSummary} {
  const steps = new Map<string, StepRecord & {ended: boolean}>();
  const keys = new Map<string, StepKey>();
  let first: number | undefined;

  const update = (step: string, change: Partial<StepRecord & {ended: boolean}>) => {
    const known = steps.get(step);
    steps.set(step, {
      step,
      name: step,
      stage: undefined,
      line: undefined,
      cached: false,
      reason: undefined,
      seconds: 0,
      error: undefined,
      planStep: undefined,
      start: first === undefined ? 0 : Math.max(0, now() - first) / 1000,
      ended: false,
      ...known,
      ...change,
    });
  };

  return {
    emit(event) {
      first ??= now();
      if (event.type === 'step-started') {
        const {step, name, stage, line, planStep} = event;
        const more = {...(stage !== undefined && {stage}), ...(line !== undefined && {line})};
        update(step, {name, ...more, ...(planStep !== undefined && {planStep})});
      } else if (event.type === 'step-done') {
        // A cached step that is also reported done stays cached.
        if (steps.get(event.step)?.cached === true && event.error === undefined) return;
        update(event.step, {seconds: event.seconds, error: event.error, ended: true});
      } else if (event.type === 'step-cached') {
        update(event.step, {
          ...(event.name === '' ? {} : {name: event.name}),
          cached: true,
          reason: event.reason,
          ended: true,
          ...(event.planStep !== undefined && {planStep: event.planStep}),
        });
      } else if (event.type === 'step-key') {
        keys.set(event.step, {key: event.key, parts: event.parts});
      }
    },
    summary() {
      const ended = [...steps.values()].filter((step) => step.ended);
      const counted = ended.filter((step) => step.stage !== undefined || instructionOf(step.name) !== undefined);
      const fromCache = counted.filter((step) => step.cached).length;
      return {
        ran: counted.length - fromCache,
        cached: fromCache,
        seconds: first === undefined ? 0 : Math.max(0, now() - first) / 1000,
        steps: ended.map(({step, name, stage, line, cached, reason, seconds, error, planStep, start}) => {
          return {step, name, stage, line, cached, reason, seconds, error, planStep, start};
        }),
        keys,
      };
    },
  };
}
