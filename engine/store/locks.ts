import {createHash} from 'node:crypto';
import {closeSync, fstatSync, openSync, statSync, unlinkSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {syscalls} from '../base/syscalls.js';
import {isMissing, namesIn, storeFailure} from './files.js';
import {lockLease} from './leases.js';
import {directoryOf, type Store} from './store.js';

const longestWaitMs = 20;

/** Who of this thread has or waits for a lock, by path: they take it in turn, without asking the kernel. */
const queues = new Map<string, Promise<void>>();

/**
 * Runs `action` while nobody else, in this process or another, runs one under the same name. The lock ends with the
 * process, however that ends. Not reentrant: an action must not ask for a lock that it holds. Rejects with the signal's
 * reason while it waits, with what the action rejects with, NO_SPACE, IO.
 */
export async function withLock<T>(
  store: Store,
  name: string,
  signal: AbortSignal,
  action: () => Promise<T> | T,
): Promise<T> {
  signal.throwIfAborted();
  const path = lockPath(store, name);
  const before = queues.get(path);
  let done: () => void = () => undefined;
  const own = new Promise<void>((resolve) => {
    done = resolve;
  });
  const tail = before === undefined ? own : before.then(() => own);
  queues.set(path, tail);
  let descriptor: number | undefined;
  try {
    if (before !== undefined) await untilAborted(before, signal);
    descriptor = await lockFile(path, signal);
    lockLease(store);
    return await action();
  } finally {
    if (descriptor !== undefined) unlock(path, descriptor);
    done();
    if (queues.get(path) === tail) queues.delete(path);
  }
}

function lockPath(store: Store, name: string): string {
  const plain = /^[\w-][\w.-]{0,99}$/.test(name);
  const file = plain ? name : `~${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;
  return join(directoryOf(store, 'locks'), file);
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    onAbort = resolve;
  });
  signal.addEventListener('abort', onAbort, {once: true});
  try {
    await Promise.race([promise, aborted]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Polls: a blocking flock(2) would need a thread for each waiter, and could not be cancelled. */
async function lockFile(path: string, signal: AbortSignal): Promise<number> {
  for (let wait = 1; ; wait = Math.min(wait * 2, longestWaitMs)) {
    const descriptor = tryLock(path);
    if (descriptor !== undefined) return descriptor;
    try {
      await delay(wait, undefined, {signal});
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }
}

function tryLock(path: string): number | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'a', 0o600);
  } catch (error) {
    throw storeFailure('cannot lock', path, error);
  }
  try {
    if (syscalls().lock(descriptor, 'exclusive', false) && isStill(path, descriptor)) return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  closeSync(descriptor);
  return undefined;
}

/** The last holder removed the file between our opening and our locking it: others lock a new one. */
function isStill(path: string, descriptor: number): boolean {
  const named = statSync(path, {throwIfNoEntry: false});
  const open = fstatSync(descriptor);
  return named?.ino === open.ino && named.dev === open.dev;
}

function unlock(path: string, descriptor: number): void {
  try {
    // Removed while it is held, so that nobody else can hold the file of that name.
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw storeFailure('cannot unlock', path, error);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes the files of locks that nobody holds: those of killed processes. */
export function removeStaleLocks(store: Store): void {
  const directory = join(store.root, 'locks');
  for (const path of namesIn(directory).map((name) => join(directory, name))) {
    if (statSync(path, {throwIfNoEntry: false}) === undefined) continue;
    const descriptor = tryLock(path);
    if (descriptor !== undefined) unlock(path, descriptor);
  }
}
