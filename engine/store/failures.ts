import {join} from 'node:path';
import {namesIn, parseVersioned, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {claimsOf, leaseLife, listLeases} from './leases.js';
import {claimSnapshot, discardSnapshot} from './snapshots.js';
import {isSnapshotId, keyHex} from './step-record.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

/** What a step that failed left, until others have failed, a day has gone, or `prune` takes it. */
export interface FailedStep {
  /** Its cache key. */
  readonly key: string;
  /** Id in the plan. */
  readonly step: string;
  /** Snapshot of what it changed. */
  readonly snapshot: string;
  /** Snapshots of the steps of the Dockerfile below it, the lowest first; without the base image. */
  readonly below: readonly string[];
  /** ISO 8601, UTC. */
  readonly time: string;
}

const version = 1;
const mostKept = 3;
const longestMs = 24 * 60 * 60 * 1000;
const mostBytes = 64 * 1024;

const directory = (root: string): string => join(root, 'failed');

function pathOf(root: string, key: string): string {
  return join(directory(root), keyHex(key) ?? 'none');
}

/** The snapshot must be complete. Older failures go. Throws NO_SPACE, IO. */
export function writeFailure(store: Store, failed: FailedStep): void {
  dropFailure(store, failed.key);
  directoryOf(store, 'failed');
  const text = `${JSON.stringify({version, ...failed})}\n`;
  writeWhole(pathOf(store.root, failed.key), temporaryPath(store), text, {sync: false});
  dropOldFailures(store, Date.now());
}

/** Undefined where there is none, or its files are gone. What is found stays until the store is closed. */
export function readFailure(store: Store, key: string): FailedStep | undefined {
  const failed = read(pathOf(store.root, key));
  return failed !== undefined && claimSnapshot(store, failed.snapshot) ? failed : undefined;
}

/** Nothing where there is none. */
export function dropFailure(store: Store, key: string): void {
  drop(store, pathOf(store.root, key));
}

function dropOldFailures(store: Store, now: number): void {
  const found = namesIn(directory(store.root)).map((name) => {
    const path = join(directory(store.root), name);
    return {path, time: Date.parse(read(path)?.time ?? '')};
  });
  found.sort((a, b) => (b.time || 0) - (a.time || 0));
  for (const [index, {path, time}] of found.entries()) {
    if (index >= mostKept || !(now - time < longestMs)) drop(store, path);
  }
}

function drop(store: Store, path: string): void {
  const failed = read(path);
  unlinkIfThere(path);
  // A shell may be open in it: then it is left to a prune.
  if (failed !== undefined && !isHeld(store, failed.snapshot)) discardSnapshot(store, failed.snapshot);
}

/** Whether another run that has not ended has claimed a snapshot. */
function isHeld({root, lease: own}: Store, snapshot: string): boolean {
  const others = listLeases(root).filter((lease) => lease.id !== own.id && leaseLife(lease) !== 'dead');
  return others.some((lease) => claimsOf(root, lease).some(({kind, id}) => kind === 'snapshot' && id === snapshot));
}

function read(path: string): FailedStep | undefined {
  const text = readSmall(path, mostBytes)?.text;
  const fields = text === undefined ? undefined : parseVersioned(text, version);
  if (fields === undefined) return undefined;
  const {key, step, snapshot, below, time} = fields;
  if (typeof key !== 'string' || typeof step !== 'string' || typeof time !== 'string') return undefined;
  if (!isSnapshotId(snapshot) || !Array.isArray(below) || !below.every(isSnapshotId)) return undefined;
  return {key, step, snapshot, below, time};
}
