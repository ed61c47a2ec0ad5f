import type {Digest} from '../../../oci/digest.js';
import type {Plan} from '../../../plan/plan.js';
import {planRedactor} from '../../../plan/secrets.js';
import {readRecord} from '../../../store/records.js';
import type {Store} from '../../../store/store.js';
import {stageChain} from '../stage-chain.js';
import {identityOf, recordedParts} from '../solve/recorded.js';
import type {Collected, SolvedJob} from './collect.js';
import {type CacheDocument, type CacheRecord, renderDocument} from './document.js';

/** Of a COPY of more files than this the single ones are left out: nobody reads such a list. */
const mostParts = 1000;

export interface DescribeOptions {
  readonly store: Store;
  readonly plan: Plan;
  /** Diff ID of a step's layer; undefined: only its key is written. */
  readonly diffIdOf: (job: SolvedJob) => CacheRecord['diffId'];
  /** False: without the parts of the keys. */
  readonly parts: boolean;
}

/** The records of a build, each key once, in the order of the Dockerfile. What looks like a secret is not in them. */
export function describeSteps({jobs, contents}: Collected, options: DescribeOptions): CacheDocument {
  const {store, plan, diffIdOf} = options;
  const redactor = planRedactor(plan.graph);
  const records = new Map<string, CacheRecord>();
  // Stages that are built side by side end in any order; the image that has the records must not depend on it.
  for (const solved of jobs.toSorted((a, b) => a.job.stage.index - b.job.stage.index)) {
    const {job, result} = solved;
    const diffId = diffIdOf(solved);
    if (records.get(job.key)?.diffId !== undefined) continue;
    const entries = options.parts ? Object.entries(recordedParts(job.parts)) : [];
    const short = entries.length > mostParts ? entries.filter(([name]) => !name.startsWith('content ')) : entries;
    const imported = 'imported' in result ? result.imported?.record : undefined;
    const past = imported ?? readRecord(store, job.key);
    records.set(job.key, {
      key: job.key,
      step: identityOf(job).replace('\0', ' '),
      parts: Object.fromEntries(short.map(([name, value]) => [name, redactor.redact(value)])),
      ...(result.run !== undefined && {run: result.run}),
      ...(diffId !== undefined && {diffId}),
      seconds: past?.seconds ?? 0,
      created: result.created,
    });
  }
  const selections = [...contents].sort(([a], [b]) => (a < b ? -1 : 1));
  return {records: [...records.values()], contents: Object.fromEntries(selections)};
}

/** The cache of an image's configuration, base64: the steps of the image, and the keys of those that it copies from. */
export function inlineCache({
  store,
  plan,
  collected,
}: Pick<DescribeOptions, 'store' | 'plan'> & {readonly collected: Collected}) {
  const chain = new Set(stageChain(plan));
  return (layers: ReadonlyMap<string, {readonly diffId: Digest}>): string => {
    const diffIdOf = ({job}: SolvedJob) => (chain.has(job.stage) ? layers.get(job.step.id)?.diffId : undefined);
    return renderDocument(describeSteps(collected, {store, plan, parts: false, diffIdOf})).toString('base64');
  };
}
