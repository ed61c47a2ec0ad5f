import type {DeferredResult, Result, StepJob} from '../solve/solver.js';
import type {DeferredLayer, StepLayer} from '../solve/tree.js';

/** A step that this build found or ran. */
export interface SolvedJob {
  readonly job: StepJob;
  readonly result: Result | DeferredResult;
  readonly layer: StepLayer | DeferredLayer;
}

/** What an export can write: the steps of a build so far, also of one that failed. */
export interface Collected {
  readonly jobs: readonly SolvedJob[];
  /** Digests of selections by their keys. */
  readonly contents: ReadonlyMap<string, string>;
}

export interface Collector extends Collected {
  readonly solved: (job: StepJob, result: Result | DeferredResult, layer: StepLayer | DeferredLayer) => void;
  readonly selected: (key: string, digest: string) => void;
}

export function createCollector(): Collector {
  const jobs: SolvedJob[] = [];
  const contents = new Map<string, string>();
  return {
    jobs,
    contents,
    solved: (job, result, layer) => void jobs.push({job, result, layer}),
    selected: (key, digest) => void contents.set(key, digest),
  };
}
