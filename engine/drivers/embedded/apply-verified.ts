import {BuildError} from '../../base/errors.js';
import {createHasher} from '../../oci/digest.js';
import {applyLayer} from '../../snapshot/apply.js';
import {archiveError} from '../../snapshot/tar-header.js';
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
  /** What it is, for messages: `a layer of debian:12`. */
  readonly name: string;
  /** Who says that it has this diff ID, for messages. */
  readonly saidBy: string;
}

/** Unpacks a layer over others; resolves to the bytes of its tar. Rejects as `applyLayer` does, and with DIGEST_MISMATCH. */
export async function applyVerified(
  store: Store,
  tar: AsyncIterable<Uint8Array>,
  {rootless, diffId, directory, below, name, saidBy}: VerifiedLayer,
  signal: AbortSignal,
): Promise<number> {
  const hasher = createHasher();
  const options = {
    directory,
    lowers: below.toReversed().map((id) => snapshotFs(store, id)),
    prefix: rootless ? ('user.overlay.' as const) : ('trusted.overlay.' as const),
    unprivileged: rootless,
  };
  try {
    await applyLayer(hashed(tar, hasher), options, signal);
  } catch (error) {
    throw archiveError(`cannot unpack ${name}`, error);
  }
  if (hasher.digest() !== diffId) throw new BuildError('DIGEST_MISMATCH', `${name} is not what ${saidBy} says`);
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
