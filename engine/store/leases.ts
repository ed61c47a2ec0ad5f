import {closeSync, openSync, unlinkSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError} from '../base/errors.js';
import {syscalls} from '../base/syscalls.js';
import {isMissing, namesIn, randomName, readSmall, storeFailure} from './files.js';
import {formatOwner, type Life, lifeOf, type Owner, parseOwner, thisOwner} from './owner.js';
import {makeRoom} from './rooms.js';
import type {Store} from './store.js';

/** What a running build needs, and what prune therefore leaves. `id` of a blob is its digest, of a record its key. */
export interface Claim {
  readonly kind: 'snapshot' | 'blob' | 'record' | 'layer' | 'cache';
  readonly id: string;
}

export interface Lease {
  /** Eight hex digits: prefix of everything that is half-made under it. */
  readonly id: string;
  readonly name: string;
  readonly owner: Owner;
}

const leases = 'leases';
const pruneName = 'prune';
const mostBytes = 64 * 1024 * 1024;
const longestWaitMs = 60_000;
/** A lease of a namespace that cannot be looked into and that never took a lock is given up after a day. */
const unknownMs = 24 * 60 * 60 * 1000;

/** The name of a new lease of this process: `<id>.<owner>`. Nothing is written yet. */
export function newLease(): Lease {
  const id = randomName();
  const owner = thisOwner();
  return {id, name: `${id}.${formatOwner(owner)}`, owner};
}

export function parseLease(name: string): Lease | undefined {
  const owner = parseOwner(name.slice(9));
  return owner === undefined || !/^[0-9a-f]{8}\./.test(name) ? undefined : {id: name.slice(0, 8), name, owner};
}

export function leaseDirectory(root: string): string {
  return join(root, leases);
}

/**
 * Protects things from prune until the store is closed, and waits while a prune decides: after it, what is there stays,
 * and what is gone must be made again. To be called before a thing is looked at or becomes visible. Throws NO_SPACE, IO;
 * STORE_LOCKED where a prune holds for a minute.
 */
export function claim(store: Store, ...things: readonly Claim[]): void {
  const {held} = store;
  const lines = things.map(({kind, id}) => `${kind} ${id}\n`).filter((line) => !held.claimed.has(line));
  if (lines.length === 0) return;
  append(store, lines.join(''));
  for (const line of lines) held.claimed.add(line);
  // Written first, looked second; a prune announces itself first and reads leases second: one of the two sees the other.
  waitForPrune(store.root);
}

/** Everything that the store has claimed. */
export const claimed = (store: Store): readonly Claim[] => parseClaims([...store.held.claimed].join(''));

/** Makes the lease's file if it is not there yet. */
export function ensureLease(store: Store): void {
  store.held.descriptor ??= openLease(store);
}

function openLease(store: Store): number {
  const path = join(makeRoom(store.root, leases), store.lease.name);
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw storeFailure('cannot write to the store', path, error);
  }
}

function append(store: Store, text: string): void {
  ensureLease(store);
  const {held} = store;
  // One write for a line or more: what reads meanwhile sees all of it or nothing.
  const bytes = Buffer.from(held.torn ? `\n${text}` : text);
  try {
    let written = writeSync(held.descriptor ?? -1, bytes);
    // A disk that is nearly full takes a part, and says why not the rest when that is tried.
    held.torn = written < bytes.length;
    while (written < bytes.length) written += writeSync(held.descriptor ?? -1, bytes, written);
    held.torn = false;
  } catch (error) {
    throw storeFailure('cannot write to the store', join(leaseDirectory(store.root), store.lease.name), error);
  }
}

/**
 * Locks the lease's file, so that whoever cannot look up this process, in another PID namespace, sees that it runs. For
 * those that load the native module anyway.
 */
export function lockLease(store: Store): void {
  if (store.held.locked || store.held.shared) return;
  try {
    ensureLease(store);
    if (!syscalls().lock(store.held.descriptor ?? -1, 'exclusive', false)) return;
    store.held.locked = true;
    append(store, 'locked\n');
  } catch (error) {
    // A prune must also run where the disk is full; without the word it is looked up by its number only.
    if (!(error instanceof BuildError && error.code === 'NO_SPACE')) throw error;
  }
}

/** Gives up the claims. Idempotent; a store that another thread shares leaves the lease to its owner. */
export function endLease(store: Store): void {
  const {held} = store;
  if (held.descriptor === undefined) return;
  const descriptor = held.descriptor;
  held.descriptor = undefined;
  held.claimed.clear();
  held.snapshots.clear();
  held.locked = false;
  held.torn = false;
  if (!held.shared) removeLease(store.root, store.lease);
  closeSync(descriptor);
}

export function removeLease(root: string, lease: Lease): void {
  try {
    unlinkSync(join(leaseDirectory(root), lease.name));
  } catch (error) {
    if (!isMissing(error)) throw storeFailure('cannot remove a lease', lease.name, error);
  }
}

export function listLeases(root: string): readonly Lease[] {
  return namesIn(leaseDirectory(root)).flatMap((name) => parseLease(name) ?? []);
}

/** What a lease holds; nothing where it has ended meanwhile. A last line that is cut off counts as absent. */
export function claimsOf(root: string, lease: Lease): readonly Claim[] {
  return parseClaims(readSmall(join(leaseDirectory(root), lease.name), mostBytes)?.text ?? '');
}

const parseClaims = (text: string): readonly Claim[] =>
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => {
      const match = /^(snapshot|blob|record|layer|cache) (\S+)$/.exec(line);
      return match === null ? [] : [{kind: match[1] as Claim['kind'], id: match[2] ?? ''}];
    });

/** Whether the lease's build still runs. `unknown` costs nothing; `settleLife` finds out. */
export function leaseLife(lease: Lease): Life {
  return lifeOf(lease.owner);
}

/** The same, but sure: by the lock of the lease's file where the process cannot be looked up. May load the native module. */
export function settleLife(root: string, lease: Lease, now: number): 'alive' | 'dead' {
  const life = leaseLife(lease);
  if (life !== 'unknown') return life;
  const path = join(leaseDirectory(root), lease.name);
  const file = readSmall(path, mostBytes);
  if (file === undefined) return 'dead';
  if (file.text.split('\n').includes('locked')) return isLocked(path) ? 'alive' : 'dead';
  return Math.abs(now - file.mtimeMs) < unknownMs ? 'alive' : 'dead';
}

function isLocked(path: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return false;
    throw storeFailure('cannot read a lease', path, error);
  }
  try {
    return !syscalls().lock(descriptor, 'exclusive', false);
  } finally {
    closeSync(descriptor);
  }
}

/** Runs the part of a prune in which nothing new may be claimed. The caller holds the lock `prune`. */
export function whilePruning<T>(root: string, action: () => T): T {
  const path = join(makeRoom(root, leases), `${pruneName}.${formatOwner(thisOwner())}`);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'a', 0o600);
  } catch (error) {
    throw storeFailure('cannot announce the prune', path, error);
  }
  try {
    // Whoever looks whether it is locked holds the lock for a moment.
    syscalls().lock(descriptor, 'exclusive', true);
    return action();
  } finally {
    unlinkSync(path);
    closeSync(descriptor);
  }
}

/** Announcements of prunes that were killed. The caller holds the lock `prune`. */
export function removeStalePrunes(root: string): void {
  const directory = leaseDirectory(root);
  for (const name of namesIn(directory).filter((name) => name.startsWith(`${pruneName}.`))) {
    try {
      unlinkSync(join(directory, name));
    } catch (error) {
      if (!isMissing(error)) throw storeFailure('cannot remove a lease', name, error);
    }
  }
}

function waitForPrune(root: string): void {
  const directory = leaseDirectory(root);
  const started = performance.now();
  for (let delay = 1; ; delay = Math.min(delay * 2, 20)) {
    const running = namesIn(directory).filter((name) => name.startsWith(`${pruneName}.`) && isPruning(directory, name));
    if (running.length === 0) return;
    if (performance.now() - started > longestWaitMs) {
      throw new BuildError('STORE_LOCKED', 'another process has been pruning the store for a minute', {
        file: root,
        remedy: 'Wait for it, or end it, and build again.',
      });
    }
    // Synchronous on purpose: a prune decides within milliseconds.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
  }
}

function isPruning(directory: string, name: string): boolean {
  const owner = parseOwner(name.slice(pruneName.length + 1));
  if (owner === undefined) return false;
  const life = lifeOf(owner);
  return life === 'unknown' ? isLocked(join(directory, name)) : life === 'alive';
}
