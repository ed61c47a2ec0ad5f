import {realpathSync, rmdirSync} from 'node:fs';
import {join} from 'node:path';
import {hasErrno} from '../base/errors.js';
import {isMissing, namesIn, unlinkIfThere} from './files.js';
import {claimsOf, type Lease, leaseLife, listLeases, removeLease, settleLife} from './leases.js';
import {mountsBelow, unmountAll} from './mounts.js';
import {readSnapshot} from './snapshots.js';
import {isSnapshotId} from './step-record.js';
import type {Store} from './store.js';
import {moveToTrash} from './trash.js';

export interface Recovered {
  /** Runs that had ended without closing the store. */
  readonly leases: number;
  /** Snapshots, blobs and other files that were half-made. */
  readonly halfMade: number;
  readonly mounts: number;
}

/**
 * What `openStore` does: two directories are listed, and only if a killed run left something there is more done. A run
 * that cannot be looked up counts as alive here.
 */
export function recoverIfNeeded(store: Store): void {
  const leases = listLeases(store.root);
  const alive = leases.filter((lease) => leaseLife(lease) !== 'dead');
  const ids = new Set(alive.map(({id}) => id));
  const stale = leases.length > alive.length || namesIn(join(store.root, 'tmp')).some((name) => !ids.has(idOf(name)));
  if (stale) cleanUp(store, alive);
}

/**
 * Removes what runs that were killed left half-made, and unmounts what they left mounted below the root. Idempotent; two
 * at once do not disturb each other.
 */
export function recoverStore(store: Store): Recovered {
  const now = Date.now();
  return cleanUp(
    store,
    listLeases(store.root).filter((lease) => settleLife(store.root, lease, now) === 'alive'),
  );
}

/**
 * `recoverStore`, where a run was killed that `openStore` cannot look up: one in a pid namespace that is gone. May load the
 * native module.
 */
export function recoverKilled(store: Store): void {
  const now = Date.now();
  const own = store.lease.id;
  const others = listLeases(store.root).filter(({id}) => id !== own);
  if (others.some((lease) => settleLife(store.root, lease, now) === 'dead')) recoverStore(store);
}

function cleanUp(store: Store, alive: readonly Lease[]): Recovered {
  const {root} = store;
  // Listed before what they may have made: what is made later has a lease of its own, which is looked for again.
  const stale = listLeases(root).filter(
    (lease) => alive.every(({id}) => id !== lease.id) && leaseLife(lease) !== 'alive',
  );
  const candidates = ['tmp', 'mounts', 'snapshots'].flatMap((room) =>
    namesIn(join(root, room)).map((name) => ({room, name, path: join(root, room, name)})),
  );
  const ids = new Set([store.lease.id, ...alive.map(({id}) => id), ...listLeases(root).map(({id}) => id)]);
  for (const {id} of stale) ids.delete(id);
  const abandoned = candidates.filter(
    ({room, name}) => !ids.has(idOf(name)) && !(room === 'snapshots' && isSnapshotId(name) && isComplete(root, name)),
  );
  const mounts = unmountLeaked(root, ids, alive);
  let halfMade = 0;
  for (const {room, path} of abandoned) {
    if (room === 'mounts' ? removeMountPoint(path) : moveToTrash(store, path)) halfMade++;
  }
  for (const lease of stale) removeLease(root, lease);
  return {leases: stale.length, halfMade, mounts};
}

function idOf(name: string): string {
  return name.slice(0, 8);
}

/** Also where it is lost with the power: prune takes those, with what names them. */
function isComplete(root: string, id: string): boolean {
  return readSnapshot(root, id) !== undefined || namesIn(join(root, 'snapshots', id)).includes('snapshot.json');
}

/** Mounts on what belongs to no running build. What someone mounted elsewhere below the root is theirs. */
function unmountLeaked(root: string, ids: ReadonlySet<string>, alive: readonly Lease[]): number {
  let real: string;
  try {
    real = realpathSync(root);
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
  const below = mountsBelow(real);
  if (below.length === 0) return 0;
  const used = new Set(
    alive.flatMap((lease) => claimsOf(root, lease).flatMap(({kind, id}) => (kind === 'snapshot' ? [id] : []))),
  );
  const leaked = below.filter((path) => {
    const match = /^\/(?:snapshots|mounts|tmp|trash)\/([^/]+)/.exec(path.slice(real.length));
    const name = match?.[1];
    return name !== undefined && !ids.has(idOf(name)) && !used.has(name);
  });
  return unmountAll(leaked);
}

function removeMountPoint(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    if (hasErrno(error, 'ENOTDIR')) return unlinkIfThere(path);
    if (hasErrno(error, 'ENOTEMPTY', 'EBUSY')) return false;
    throw error;
  }
}
