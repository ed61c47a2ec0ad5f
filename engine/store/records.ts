import {createHash} from 'node:crypto';
import {appendFileSync, statSync, utimesSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError, quote} from '../base/errors.js';
import {hasBlob} from './blobs.js';
import {attempt, readEnd, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {claim} from './leases.js';
import {claimedChain} from './snapshots.js';
import {formatStepRecord, keyHex, parseStepRecord, type StepRecord} from './step-record.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const mostBytes = 16 * 1024 * 1024;
const mostIndexBytes = 1024 * 1024;
const touchMs = 60_000;

/** `<root>/records/<kk>/<key>`, whether it is there or not. */
export function recordPath(root: string, key: string): string {
  const hex = hexOfKey(key);
  return join(root, 'records', hex.slice(0, 2), hex);
}

function hexOfKey(key: string): string {
  const hex = keyHex(key);
  if (hex === undefined) throw new BuildError('STORE_CORRUPT', `not the key of a step: ${quote(key)}`);
  return hex;
}

/**
 * The record of a key; undefined where there is none. A damaged file is removed and counts as none. Its time of change is
 * its last use, kept to the minute. Does not say that what it names is still there: see `claimStep`.
 */
export function readRecord(store: Store, key: string): StepRecord | undefined {
  const path = recordPath(store.root, key);
  const file = readSmall(path, mostBytes);
  const record = file === undefined ? undefined : parseStepRecord(file.text, key);
  if (file === undefined || record === undefined) {
    if (file !== undefined) unlinkIfThere(path);
    return undefined;
  }
  touch(path, file.mtimeMs);
  return record;
}

/** Sets the last use to now, unless it is within the last minute. A clock that was set back is no reason to keep it. */
export function touch(path: string, mtimeMs: number): void {
  const now = Date.now();
  if (mtimeMs <= now && now - mtimeMs < touchMs) return;
  try {
    utimesSync(path, now / 1000, now / 1000);
  } catch {
    // Gone meanwhile, or a store that is only read: the last use stays as it was.
  }
}

export interface ClaimedStep {
  readonly record: StepRecord;
  /** Snapshots whose directories make the file system, bottom first; empty where the step changed no file. */
  readonly chain: readonly string[];
}

/**
 * The record of a key with everything it names claimed until the store is closed. Undefined where it or one of its
 * snapshots is not there: the step must run. Without `layer` where that blob is not there: it is made of the snapshot.
 */
export function claimStep(store: Store, key: string): ClaimedStep | undefined {
  const record = readRecord(store, key);
  if (record === undefined) return undefined;
  const {snapshot} = record;
  claim(
    store,
    {kind: 'record', id: hexOfKey(key)},
    ...(snapshot === null ? [] : [{kind: 'snapshot', id: snapshot} as const]),
    ...(record.attachments ?? []).map((id) => ({kind: 'blob', id}) as const),
    ...(record.layer === undefined ? [] : [{kind: 'blob', id: record.layer.digest} as const]),
  );
  // Looked at again: only what is there after the claim stays there.
  if (statSync(recordPath(store.root, key), {throwIfNoEntry: false}) === undefined) return undefined;
  const chain = snapshot === null ? [] : claimedChain(store, snapshot);
  if (chain === undefined) return undefined;
  const {layer, ...rest} = record;
  return {record: layer !== undefined && hasBlob(store, layer.digest) ? record : rest, chain};
}

/**
 * Stores a record, in place of one of the same key; its key is claimed. Not fsynced: after a power failure it may be
 * gone, and the step runs again. Throws NO_SPACE, IO.
 */
export function writeRecord(store: Store, record: StepRecord): void {
  const path = recordPath(store.root, record.key);
  const {key, stepIdentity, snapshot, layer, attachments} = record;
  claim(
    store,
    {kind: 'record', id: hexOfKey(key)},
    ...(snapshot === null ? [] : [{kind: 'snapshot', id: snapshot} as const]),
    ...[...(attachments ?? []), ...(layer === undefined ? [] : [layer.digest])].map(
      (id) => ({kind: 'blob', id}) as const,
    ),
  );
  directoryOf(store, `records/${hexOfKey(key).slice(0, 2)}`);
  writeWhole(path, temporaryPath(store), formatStepRecord(record), {sync: false});
  const index = join(directoryOf(store, 'steps'), indexName(stepIdentity));
  // One key a line; of two processes that append at once none is lost.
  attempt('cannot write to the store', index, () => appendFileSync(index, `${key}\n`));
}

export function indexName(stepIdentity: string): string {
  return createHash('sha256').update(stepIdentity).digest('hex').slice(0, 32);
}

/** Past records of the same step, the one that was written last first; at most `most`. */
export function findRecords(
  store: Store,
  query: {readonly stepIdentity: string; readonly most?: number},
): readonly StepRecord[] {
  const index = join(store.root, 'steps', indexName(query.stepIdentity));
  const keys = readEnd(index, mostIndexBytes)
    .split('\n')
    .filter((line) => keyHex(line) !== undefined)
    .reverse();
  const found: StepRecord[] = [];
  for (const key of new Set(keys)) {
    if (found.length >= (query.most ?? 20)) break;
    const text = readSmall(recordPath(store.root, key), mostBytes)?.text;
    const record = text === undefined ? undefined : parseStepRecord(text, key);
    if (record?.stepIdentity === query.stepIdentity) found.push(record);
  }
  return found;
}
