import {createHash} from 'node:crypto';
import type {EventSink} from '../../../progress/events.js';
import {claimStep, readRecord} from '../../../store/records.js';
import {layerParts} from '../../../store/snapshots.js';
import type {Store} from '../../../store/store.js';
import type {BaseTrees} from './base-trees.js';
import type {ContentKeys} from './content-key.js';
import {NotCached} from './not-cached.js';
import type {DeferredResult, Result, SolverWork, StepJob} from './solver.js';

/** Name of a part that tells a run that was asked for by `--no-cache` from the one before. */
export const generation = 'setting run';

/** Key of what a step left: one that was run again, although nothing had changed, may have left something else. */
export function keyOfRun(key: string, run: unknown): string {
  return typeof run !== 'string' ? key : createHash('sha256').update(`${key} ${run}`).digest('hex');
}

export interface Lookup extends SolverWork {
  readonly bases: BaseTrees;
  /** The stored result of a step; undefined where it must run. */
  find(job: StepJob): Result | undefined;
  /** A step that an imported cache knew and whose files were never wanted; `land` brings them. */
  known(job: StepJob, land: () => Promise<Result>): DeferredResult | undefined;
}

/** Finds what is in the store. Loads no native module and changes nothing but times of last use. */
export function createLookup(store: Store, bases: BaseTrees, contents: ContentKeys, events: EventSink): Lookup {
  const find = (job: StepJob): Result | undefined => {
    const claimed = claimStep(store, job.key);
    if (claimed === undefined || claimed.record.snapshot === null) return undefined;
    const {snapshot, created, parts: of} = claimed.record;
    const parts = layerParts(store, snapshot);
    if (parts === undefined) return undefined;
    const run = of[generation];
    const key = keyOfRun(job.key, run);
    return {key, snapshot, parts, cached: true, seconds: 0, created, ...(typeof run === 'string' && {run})};
  };
  const known = (job: StepJob, land: () => Promise<Result>): DeferredResult | undefined => {
    const record = readRecord(store, job.key);
    if (record === undefined || record.snapshot !== null) return undefined;
    const run = record.parts[generation];
    const key = keyOfRun(job.key, run);
    const {created} = record;
    return {key, created, imported: undefined, land, prefetch: () => undefined, ...(typeof run === 'string' && {run})};
  };
  return {
    bases,
    find,
    known,
    source: (source, platform) => bases.tree(source, platform),
    contentParts: (...what) => contents.of(...what),
    result(job) {
      const found = find(job) ?? known(job, () => Promise.reject(new NotCached(job.step.name)));
      if (found === undefined) return Promise.reject(new NotCached(job.step.name));
      events.emit({type: 'step-cached', step: job.step.id, name: job.step.name, planStep: job.step.id});
      return Promise.resolve(found);
    },
  };
}
