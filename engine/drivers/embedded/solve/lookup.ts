import {createHash} from 'node:crypto';
import type {EventSink} from '../../../progress/events.js';
import type {Operation, Source} from '../../../stages/graph.js';
import {claimStep} from '../../../store/records.js';
import type {Store} from '../../../store/store.js';
import type {BuildRequest} from '../../driver.js';
import type {BaseTrees} from './base-trees.js';
import {contextKey, treeContentKey} from './content-key.js';
import {NotCached} from './not-cached.js';
import type {Result, SolverWork, StepJob} from './solver.js';
import type {KeyParts} from './step-parts.js';
import type {Tree} from './tree.js';

export interface Lookup extends SolverWork {
  readonly bases: BaseTrees;
  /** The stored result of a step; undefined where it must run. */
  find(job: StepJob): Result | undefined;
}

/** Finds what is in the store. Loads no native module and changes nothing but times of last use. */
export function createLookup(
  store: Store,
  bases: BaseTrees,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
): Lookup {
  const find = (job: StepJob): Result | undefined => {
    const claimed = claimStep(store, job.key);
    if (claimed === undefined || claimed.record.snapshot === null) return undefined;
    const {snapshot, created} = claimed.record;
    return {snapshot, cached: true, seconds: 0, created};
  };
  return {
    bases,
    find,
    key,
    source: (source: Source) => bases.tree(source),
    async contentKey(operation: Operation, source: Source, tree: Tree | undefined) {
      const known =
        tree === undefined
          ? await contextKey(store, operation, request, source, signal)
          : treeContentKey(store, operation, tree);
      if (known === undefined) throw new NotCached('content of another stage');
      return known;
    },
    result(job) {
      const found = find(job);
      if (found === undefined) return Promise.reject(new NotCached(job.step.name));
      events.emit({type: 'step-cached', step: job.step.id, name: job.step.name});
      return Promise.resolve(found);
    },
  };
}

/** Canonical: object keys in order, so that equal parts give equal keys. */
export function key(parts: KeyParts): string {
  return createHash('sha256').update(canonicalJson(parts)).digest('hex');
}

export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, each]) => each !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([name, each]) => `${JSON.stringify(name)}:${canonicalJson(each)}`).join(',')}}`;
  }
  return JSON.stringify(value ?? null);
}
