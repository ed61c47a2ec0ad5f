import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {mostLowers} from '../../../snapshot/overlay.js';
import {findRecords} from '../../../store/records.js';
import {claimSnapshot, layerParts, readSnapshot, snapshotFs, snapshotPath} from '../../../store/snapshots.js';
import type {Store} from '../../../store/store.js';
import {byteString} from '../files/byte-path.js';
import type {CopiedBy} from '../files/copied-list.js';
import {createCopyChange} from '../files/change.js';
import {type CopyReuse, createCopyReuse, mayReuse} from '../files/reuse.js';
import type {StepPlace} from './make-snapshot.js';
import type {StepJob} from './solver.js';

/** What an earlier run of the same COPY left, and what it wrote down. */
export interface CopyPast {
  readonly by: CopiedBy;
  /** The snapshot that has all of it; undefined where there is none. */
  readonly snapshot: string | undefined;
  /** It lies on the same files as the step: a change of it may be all that has to be made. */
  readonly mayContinue: boolean;
}

/** Layers of an overlay that are kept free for later steps. */
const spareLowers = 100;

/**
 * What may be used again where a COPY reads a build context; undefined for every other step. What is found is claimed.
 * `fresh`: nothing made before counts.
 */
export function copyPast(
  store: Store,
  job: StepJob,
  chain: readonly string[],
  options: {readonly stepIdentity: string; readonly fresh: boolean; readonly time: CopiedBy['time']},
): CopyPast | undefined {
  const {operation} = job.step;
  if (operation.kind !== 'copy' || job.inputs.size > 0 || !mayReuse(operation)) return undefined;
  const past = options.fresh ? [] : findRecords(store, {stepIdentity: options.stepIdentity, most: 5});
  const wholes = past.flatMap(({snapshot}) => (snapshot === null ? [] : (layerParts(store, snapshot)?.[0] ?? [])));
  const snapshot = wholes.find((id) => existsSync(copiedFile(store, id)) && claimSnapshot(store, id));
  const parents = snapshot === undefined ? undefined : readSnapshot(store.root, snapshot)?.parents;
  const isSame = parents !== undefined && parents.join() === chain.slice(-1).join();
  const mayContinue = isSame && operation.excludes.length === 0 && chain.length < mostLowers - spareLowers;
  return {by: {operation, time: options.time}, snapshot, mayContinue};
}

const fileName = 'copied';
const copiedFile = (store: Store, id: string): string => join(snapshotPath(store.root, id), fileName);

/** Writes only what differs, over the earlier snapshot. `below`: directories of what the step starts from, topmost first. */
export function changeOf(
  store: Store,
  {by, snapshot}: CopyPast,
  {target}: StepPlace,
  below: readonly string[],
  rootless: boolean,
): CopyReuse {
  const prefix = rootless ? 'user.overlay.' : 'trusted.overlay.';
  const list = snapshot === undefined ? '' : copiedFile(store, snapshot);
  return createCopyChange({root: byteString(target), list, by, below, prefix});
}

/** Makes all anew, with links to files of the earlier snapshot, and writes down what it copied. */
export function reuseOf(store: Store, {by, snapshot}: CopyPast, {target, upper, directory}: StepPlace): CopyReuse {
  const earlier =
    snapshot === undefined
      ? undefined
      : {upper: byteString(snapshotFs(store, snapshot)), list: copiedFile(store, snapshot)};
  const [root, to] = [byteString(target), byteString(upper)];
  return createCopyReuse({root, upper: to, list: join(directory, fileName), by, earlier});
}
