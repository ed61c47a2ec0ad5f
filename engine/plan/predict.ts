import type {Stage, StageStep} from '../stages/graph.js';

/** A step with its place in the plan. */
export interface PlanStep {
  /** Stable: `builder.3`; `.0` is FROM. */
  readonly id: string;
  readonly stage: Stage;
  /** Undefined: FROM. */
  readonly step: StageStep | undefined;
  /** Ids of the steps whose result it starts from or reads. */
  readonly inputs: readonly string[];
}

/** What is known of a step before it runs. */
export interface Prediction {
  /** Cache key; null where the builder does not tell. */
  readonly key: string | null;
  readonly cached: boolean | 'unknown';
  /** Why: `unchanged`, `ARG VERSION changed`; null where nothing is to be said. */
  readonly reason: string | null;
  /** Seconds it took last time. */
  readonly seconds: number | null;
}

/** Fills predictions from what a driver knows (records, history). Called once a step, inputs before what needs them. */
export type Predict = (step: PlanStep) => Prediction | undefined;

const nothingKnown: Prediction = {key: null, cached: 'unknown', reason: 'no earlier build is known', seconds: null};
const nothingRuns: Prediction = {
  key: null,
  cached: 'unknown',
  reason: 'sets the image config, nothing runs',
  seconds: null,
};

/** The prediction of `predict`, else that nothing is known. */
export function predicted(step: PlanStep, predict: Predict | undefined): Prediction {
  const fallback = step.step?.operation.kind === 'config' ? nothingRuns : nothingKnown;
  return predict?.(step) ?? fallback;
}
