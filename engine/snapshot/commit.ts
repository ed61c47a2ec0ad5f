import {setImmediate} from 'node:timers/promises';
import {createHasher, type Digest} from '../oci/digest.js';
import {type Compression, layerMediaType} from '../oci/media-types.js';
import type {Descriptor} from '../oci/manifest.js';
import {openBlobWriter} from '../store/blob-writer.js';
import type {Store} from '../store/store.js';
import {createCompressor} from './compress.js';
import {type DiffOptions, layerTar} from './diff.js';

/** Plain data: it may go to another thread. */
export interface LayerRequest {
  readonly diff: DiffOptions;
  /** Undefined: only the digest of the tar is wanted, and no blob. */
  readonly compression: Compression | undefined;
  readonly level?: number | undefined;
}

export interface CommitRequest extends LayerRequest {
  /** The store that gets the blob. */
  readonly store: Store;
}

export interface CommittedLayer {
  /** Of the blob; undefined where none was asked for. */
  readonly descriptor: Descriptor | undefined;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Bytes of the uncompressed tar. */
  readonly diffSize: number;
  /** Which code compressed it. */
  readonly implementation: string;
}

/** Makes the layer, both digests and the blob in one pass over the files. Rejects with BuildError or the signal's reason. */
export async function commitLayer(request: CommitRequest, signal: AbortSignal): Promise<CommittedLayer> {
  const {store, diff, compression, level} = request;
  const hasher = createHasher();
  async function* hashed(): AsyncGenerator<Buffer, void, undefined> {
    for (const chunk of layerTar(diff)) {
      signal.throwIfAborted();
      hasher.update(chunk);
      yield chunk;
      // Messages and signals get a turn.
      await setImmediate();
    }
  }
  const done = (descriptor: Descriptor | undefined, implementation: string): CommittedLayer => {
    const diffSize = hasher.size;
    return {descriptor, diffId: hasher.digest(), diffSize, implementation};
  };
  if (compression === undefined) {
    const chunks = hashed();
    for (let next = await chunks.next(); next.done !== true;) next = await chunks.next();
    return done(undefined, 'none');
  }
  const compressor = createCompressor(compression, level);
  const blob = openBlobWriter(store);
  try {
    for await (const piece of compressor.compress(hashed())) blob.write(piece);
    return done({mediaType: layerMediaType(compression), ...blob.finish()}, compressor.implementation);
  } finally {
    blob.discard();
  }
}
