import {chmodSync, mkdirSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {hasErrno} from '../base/errors.js';
import {hasBlob} from './blobs.js';
import {attempt, parseVersioned, randomName, readSmall, storeFailure, writeWhole} from './files.js';
import {claim, ensureLease} from './leases.js';
import {thisOwner} from './owner.js';
import {spreadSubdirectories} from './rooms.js';
import {isLayer, isSnapshotId, type LayerRecord} from './step-record.js';
import {directoryOf, type NewSnapshot, type Store, temporaryPath} from './store.js';
import {moveToTrash} from './trash.js';

export interface SnapshotInfo {
  /** Snapshots that this one lies on, bottom first; each brings its own. Kept as long as this one. */
  readonly parents: readonly string[];
  /** The snapshot right below, of which this one is a change: together they are one layer. */
  readonly continues: string | undefined;
  /** ISO 8601, UTC. */
  readonly created: string;
}

const version = 1;
const mostBytes = 1024 * 1024;
const mostDepth = 5000;
/** Of every snapshot, beside its files. */
export const stateFile = 'snapshot.json';
/** Of the state file, where the snapshot's files are on the disk. A mode, for that makes nothing in a store that is just removed. */
const syncedMode = 0o100;

export function snapshotPath(root: string, id: string): string {
  const valid: boolean = isSnapshotId(id);
  if (!valid) throw new Error(`not a snapshot: ${id}`);
  return join(root, 'snapshots', id);
}

/** Where the files of a snapshot are. */
export function snapshotFs(store: Store, id: string): string {
  return join(snapshotPath(store.root, id), 'fs');
}

/** An empty snapshot, claimed, that is garbage unless `completeSnapshot` follows. Throws NO_SPACE, IO. */
export function newSnapshot(store: Store): NewSnapshot {
  const {spare} = store.held;
  store.held.spare = undefined;
  return spare ?? makeNew(store);
}

/** Makes what the next `newSnapshot` takes, while there is time. Throws as that does. */
export function prepareSnapshot(store: Store): void {
  store.held.spare ??= makeNew(store);
}

/** Removes what was made ahead and not taken. Idempotent. */
export function discardPrepared(store: Store): void {
  const {spare} = store.held;
  store.held.spare = undefined;
  if (spare !== undefined) discardSnapshot(store, spare.id);
}

function makeNew(store: Store): NewSnapshot {
  ensureLease(store);
  const parent = directoryOf(store, 'snapshots');
  spreadSubdirectories(parent);
  for (;;) {
    const id = `${store.lease.id}-${randomName(3)}`;
    const path = join(parent, id);
    claim(store, {kind: 'snapshot', id});
    try {
      mkdirSync(path, {mode: 0o700});
    } catch (error) {
      if (hasErrno(error, 'EEXIST')) continue;
      throw storeFailure('cannot make a snapshot', path, error);
    }
    const made = {id, fs: join(path, 'fs'), work: join(path, 'work')};
    attempt('cannot make a snapshot', path, () => {
      mkdirSync(made.fs);
      // The umask is the caller's; the mode of the directory is the image's.
      chmodSync(made.fs, 0o755);
      mkdirSync(made.work, {mode: 0o700});
    });
    return made;
  }
}

/**
 * Declares a snapshot's files complete. `synced`: the caller has written them to the disk; otherwise the snapshot counts
 * as lost after the machine has stopped, unless `syncSnapshots` follows. Throws NO_SPACE, IO.
 */
export function completeSnapshot(
  store: Store,
  id: string,
  options: {readonly synced: boolean; readonly parents: readonly string[]; readonly continues?: string | undefined},
): void {
  const path = snapshotPath(store.root, id);
  const {parents, continues} = options;
  const state = {version, parents, continues, boot: thisOwner().boot, created: new Date().toISOString()};
  const file = join(path, stateFile);
  writeWhole(file, temporaryPath(store), `${JSON.stringify(state)}\n`, {sync: options.synced});
  if (options.synced) attempt('cannot complete a snapshot', file, () => chmodSync(file, 0o644 | syncedMode));
}

/** A complete snapshot that can be used; its parents are not looked at. */
export function readSnapshot(root: string, id: string): SnapshotInfo | undefined {
  const path = snapshotPath(root, id);
  const text = readSmall(join(path, stateFile), mostBytes)?.text;
  const fields = text === undefined ? undefined : parseVersioned(text, version);
  if (fields === undefined) return undefined;
  const {parents, continues, boot, created} = fields;
  if (continues !== undefined && !isSnapshotId(continues)) return undefined;
  if (!Array.isArray(parents) || !parents.every(isSnapshotId) || typeof created !== 'string') return undefined;
  const isThere = boot === thisOwner().boot || isSynced(path);
  return isThere ? {parents, continues, created} : undefined;
}

const isSynced = (path: string): boolean =>
  ((statSync(join(path, stateFile), {throwIfNoEntry: false})?.mode ?? 0) & syncedMode) !== 0;

/** Complete, and not lost with the power. */
export function hasSnapshot(store: Store, id: string): boolean {
  return isSnapshotId(id) && readSnapshot(store.root, id) !== undefined;
}

/** True where the snapshot and all it lies on are there, and will be until the store is closed. */
export function claimSnapshot(store: Store, id: string): boolean {
  claim(store, {kind: 'snapshot', id});
  return claimedChain(store, id) !== undefined;
}

/** `snapshotChain` of a snapshot that has been claimed: what is found is remembered, since it stays. */
export function claimedChain(store: Store, id: string): readonly string[] | undefined {
  const found = new Map<string, readonly string[]>();
  const chain = isSnapshotId(id) ? snapshotChain(store, id, found) : undefined;
  if (chain !== undefined) for (const [each, parents] of found) store.held.snapshots.set(each, parents);
  return chain;
}

/**
 * The snapshots that make a file system, bottom first, `id` last. Undefined where one is not there. One that lies there
 * twice counts where it is topmost. Into `found` goes each with its parents.
 */
export function snapshotChain(
  store: Store,
  id: string,
  found = new Map<string, readonly string[]>(),
): readonly string[] | undefined {
  const chain: string[] = [];
  // Parents in reverse on a stack: depth first without recursion, top to bottom.
  const stack = [id];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (found.has(next)) continue;
    const parents = store.held.snapshots.get(next) ?? readSnapshot(store.root, next)?.parents;
    if (parents === undefined || found.size > mostDepth) return undefined;
    found.set(next, parents);
    chain.push(next);
    stack.push(...parents);
  }
  return chain.reverse();
}

/**
 * The snapshots that are one layer with `id`, which is the last one, bottom first. Undefined where one is not there. They are
 * the end of `snapshotChain`.
 */
export function layerParts(store: Store, id: string): readonly string[] | undefined {
  const parts: string[] = [];
  for (let next: string | undefined = id; next !== undefined;) {
    const info: SnapshotInfo | undefined = readSnapshot(store.root, next);
    if (info === undefined || parts.length > mostDepth) return undefined;
    parts.unshift(next);
    next = info.continues;
  }
  return parts;
}

/** Takes a snapshot out of the store; its files are deleted later. Nothing may be mounted on it any more. */
export function discardSnapshot(store: Store, id: string): void {
  store.held.snapshots.delete(id);
  moveToTrash(store, snapshotPath(store.root, id));
}

/** Keeps the layer that was made of a snapshot, by how it is compressed; the blob is kept as long as the snapshot. */
export function writeSnapshotLayer(store: Store, id: string, variant: string, layer: LayerRecord): void {
  claim(store, {kind: 'snapshot', id}, {kind: 'blob', id: layer.digest});
  const path = join(snapshotPath(store.root, id), layerName(variant));
  writeWhole(path, temporaryPath(store), `${JSON.stringify({version, layer})}\n`, {sync: false});
}

/** The layer of a snapshot in that variant, where its blob is there; claimed. */
export function readSnapshotLayer(store: Store, id: string, variant: string): LayerRecord | undefined {
  const layer = layerIn(join(snapshotPath(store.root, id), layerName(variant)));
  if (layer === undefined) return undefined;
  claim(store, {kind: 'blob', id: layer.digest});
  return hasBlob(store, layer.digest) ? layer : undefined;
}

/** Without a look at the blob. */
export function layerIn(path: string): LayerRecord | undefined {
  const text = readSmall(path, mostBytes)?.text;
  const layer = text === undefined ? undefined : parseVersioned(text, version)?.['layer'];
  return isLayer(layer) ? layer : undefined;
}

function layerName(variant: string): string {
  if (!/^[\w.-]{1,60}$/.test(variant)) throw new Error(`not the name of a layer's variant: ${variant}`);
  return `layer-${variant}`;
}
