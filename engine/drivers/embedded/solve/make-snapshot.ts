import {adoptRoot, mostLowers, mountOverlay} from '../../../snapshot/overlay.js';
import {completeSnapshot, discardSnapshot, newSnapshot, snapshotPath} from '../../../store/snapshots.js';
import type {Store} from '../../../store/store.js';
import type {TreeMounts} from './tree-mounts.js';

/** Where a step runs. */
export interface StepPlace {
  /** The root it writes to: an overlay, mounted while it runs. */
  readonly target: string;
  /** The overlay's upper directory: what the step wrote, when it is no longer mounted. */
  readonly upper: string;
  /** Of the snapshot, for what is kept beside its files. */
  readonly directory: string;
}

export interface SnapshotWork {
  /** Snapshots below, bottom first. */
  readonly chain: readonly string[];
  /** The topmost of them, where the new one is a change of it and of the same layer. */
  readonly continues: string | undefined;
  /** A directory below all of them while `run` runs; no part of the tree. */
  readonly below?: string | undefined;
  /** While the overlay is mounted. */
  readonly run: (place: StepPlace) => Promise<void>;
  /** When it is not any more. */
  readonly finish: (place: StepPlace) => Promise<void>;
  /** Asked whether what a failed `run` left is to be kept, as a snapshot of its own; told its id when it is. */
  readonly keepFailed?: (error: unknown) => ((id: string) => void) | undefined;
}

/** A new snapshot of what `run` leaves; returns its id. Where that fails nothing is left. */
export async function makeSnapshot(
  store: Store,
  mounts: Pick<TreeMounts, 'lowers' | 'takePoint' | 'returnPoint'>,
  rootless: boolean,
  {chain, continues, below, run, finish, keepFailed}: SnapshotWork,
): Promise<string> {
  const {id, fs: upper, work} = newSnapshot(store);
  try {
    const lowers = mounts.lowers(chain);
    const place = {target: mounts.takePoint(), upper, directory: snapshotPath(store.root, id)};
    if (lowers[0] !== undefined) adoptRoot(upper, lowers[0]);
    const stack = below === undefined || lowers.length >= mostLowers ? lowers : [...lowers, below];
    try {
      mountOverlay({target: place.target, lowers: stack, upper, work, userXattrs: rootless});
      await run(place);
    } finally {
      mounts.returnPoint(place.target);
    }
    await finish(place);
    completeSnapshot(store, id, {synced: false, parents: chain.slice(-1), continues});
    return id;
  } catch (error) {
    const kept = keepFailed?.(error);
    try {
      if (kept === undefined) discardSnapshot(store, id);
      else {
        completeSnapshot(store, id, {synced: false, parents: chain.slice(-1), continues});
        kept(id);
      }
    } catch {
      // A full disk, most likely: why the step failed is what counts.
      discardSnapshot(store, id);
    }
    throw error;
  }
}
