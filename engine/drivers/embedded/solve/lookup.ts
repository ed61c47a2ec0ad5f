import type {EventSink} from '../../../progress/events.js';
import type {Source} from '../../../stages/graph.js';
import {claimStep} from '../../../store/records.js';
import type {Store} from '../../../store/store.js';
import type {BaseTrees} from './base-trees.js';
import type {ContentKeys} from './content-key.js';
import {NotCached} from './not-cached.js';
import type {Result, SolverWork, StepJob} from './solver.js';

export interface Lookup extends SolverWork {
  readonly bases: BaseTrees;
  /** The stored result of a step; undefined where it must run. */
  find(job: StepJob): Result | undefined;
}

/** Finds what is in the store. Loads no native module and changes nothing but times of last use. */
export function createLookup(store: Store, bases: BaseTrees, contents: ContentKeys, events: EventSink): Lookup {
  const find = (job: StepJob): Result | undefined => {
    const claimed = claimStep(store, job.key);
    if (claimed === undefined || claimed.record.snapshot === null) return undefined;
    const {snapshot, created} = claimed.record;
    return {snapshot, cached: true, seconds: 0, created};
  };
  return {
    bases,
    find,
    source: (source: Source) => bases.tree(source),
    contentParts: (...what) => contents.of(...what),
    result(job) {
      const found = find(job);
      if (found === undefined) return Promise.reject(new NotCached(job.step.name));
      events.emit({type: 'step-cached', step: job.step.id, name: job.step.name});
      return Promise.resolve(found);
    },
  };
}
