import {join} from 'node:path';
import {makeDirectory, randomName} from './files.js';
import {ensureLease, type Lease, parseLease} from './leases.js';
import {makeRoom} from './rooms.js';

/**
 * The embedded engine's storage in one directory, shared by any number of processes. Every function of this room that
 * takes a `Store` may be called from the thread that opened or attached it.
 */
export interface Store {
  /** Absolute. */
  readonly root: string;
  /** Ends what waits, reads or writes. */
  readonly signal: AbortSignal;
  readonly lease: Lease;
  /** Bookkeeping of this room. */
  readonly held: Held;
}

export interface NewSnapshot {
  readonly id: string;
  /** The directory that an overlay takes as its upper one, or that files are written to. */
  readonly fs: string;
  /** The overlay's work directory. */
  readonly work: string;
}

export interface Held {
  /** The lease's file; undefined until something is claimed. */
  descriptor: number | undefined;
  locked: boolean;
  /** The file ends in a part of a line: the disk was full. */
  torn: boolean;
  /** The lease belongs to another thread. */
  readonly shared: boolean;
  readonly claimed: Set<string>;
  readonly directories: Set<string>;
  /** An empty snapshot that was made ahead. */
  spare: NewSnapshot | undefined;
  /** Snapshots that were found after they had been claimed, themselves or through another, with their parents. */
  readonly snapshots: Map<string, readonly string[]>;
}

/** What a worker thread needs to use the same store; plain data. */
export interface SharedStore {
  readonly root: string;
  readonly lease: string;
}

export type Room =
  | 'blobs/sha256'
  | 'snapshots'
  | 'records'
  | 'layers'
  | 'steps'
  | 'tags'
  | 'caches'
  | 'tmp'
  | 'trash'
  | 'locks'
  | 'mounts'
  | 'contents'
  | 'compressed'
  | 'failed'
  | 'outcomes';

/** For the worker threads of this process; the store must stay open as long as they use it. */
export function shareStore(store: Store): SharedStore {
  ensureLease(store);
  return {root: store.root, lease: store.lease.name};
}

/** In a worker thread. `closeStore` when it is done. */
export function attachStore(shared: SharedStore, signal: AbortSignal): Store {
  const lease = parseLease(shared.lease);
  if (lease === undefined) throw new Error(`not a lease: ${shared.lease}`);
  return newStore(shared.root, lease, signal, true);
}

/** Nothing is read or written. */
export function newStore(root: string, lease: Lease, signal: AbortSignal, shared: boolean): Store {
  return {
    root,
    signal,
    lease,
    held: {
      descriptor: undefined,
      locked: false,
      torn: false,
      shared,
      claimed: new Set(),
      directories: new Set(),
      spare: undefined,
      snapshots: new Map(),
    },
  };
}

/** Path of a directory of the store, which is made at its first use. */
export function directoryOf(store: Store, room: Room | `records/${string}`): string {
  const path = join(store.root, room);
  if (!store.held.directories.has(path)) {
    makeRoom(store.root, room);
    store.held.directories.add(path);
  }
  return path;
}

/** A path for something half-made, which a later run removes if this one is killed. */
export function temporaryPath(store: Store): string {
  ensureLease(store);
  return join(directoryOf(store, 'tmp'), `${store.lease.id}-${randomName()}`);
}

/** A new directory to mount something on, below `<root>/mounts`: a later run unmounts it if this one is killed. */
export function newMountPoint(store: Store): string {
  ensureLease(store);
  const path = join(directoryOf(store, 'mounts'), `${store.lease.id}-${randomName(3)}`);
  makeDirectory(path);
  return path;
}
