import {BuildError} from '../../base/errors.js';
import {createHasher} from '../../oci/digest.js';
import {applyLayer} from '../../snapshot/apply.js';
import {snapshotFs} from '../../store/snapshots.js';
import type {Store} from '../../store/store.js';

export interface VerifiedLayer {
  readonly rootless: boolean;
  /** What the tar must have; it is not trusted. */
  readonly diffId: string;
  /** A new snapshot's. */
  readonly directory: string;
  /** Snapshots, bottom first. */
  readonly below: readonly string[];
  /** For a person, where it has another digest. */
  readonly mismatch: string;
}

/** Unpacks a layer over others; resolves to the bytes of its tar. Rejects as `applyLayer` does, and with DIGEST_MISMATCH. */
export async function applyVerified(
  store: Store,
  tar: AsyncIterable<Uint8Array>,
  {rootless, diffId, directory, below, mismatch}: VerifiedLayer,
  signal: AbortSignal,
): Promise<number> {
  const hasher = createHasher();
  const options = {
    directory,
    lowers: below.toReversed().map((id) => snapshotFs(store, id)),
    prefix: rootless ? ('user.overlay.' as const) : ('trusted.overlay.' as const),
    unprivileged: rootless,
  };
  await applyLayer(hashed(tar, hasher), options, signal);
  if (hasher.digest() !== diffId) throw new BuildError('DIGEST_MISMATCH', mismatch);
  return hasher.size;
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hasher: {update(chunk: Uint8Array): void},
): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    hasher.update(chunk);
    yield chunk;
  }
}
