import {resolve} from 'node:path';
import {endLease, newLease} from './leases.js';
import {assertOwnStore} from './own-store.js';
import {recoverIfNeeded} from './recover.js';
import {newStore, type Store} from './store.js';

/**
 * Opens the store; nothing is written before something is stored. What killed runs left half-made is moved away, and their
 * mounts are unmounted. No native module is loaded, except to unmount. `closeStore` ends it. Throws IO, also where it is another
 * user's.
 */
export function openStore(root: string, signal: AbortSignal): Store {
  signal.throwIfAborted();
  assertOwnStore(resolve(root));
  const store = newStore(resolve(root), newLease(), signal, false);
  recoverIfNeeded(store);
  return store;
}

/** Gives up what the store had claimed. What is half-made is garbage from now on. Idempotent. */
export function closeStore(store: Store): void {
  endLease(store);
}
