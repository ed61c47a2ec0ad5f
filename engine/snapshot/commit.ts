import {setImmediate} from 'node:timers/promises';
import {createHasher, type Digest} from '../oci/digest.js';
import {type Compression, layerMediaType} from '../oci/media-types.js';
import type {Descriptor} from '../oci/manifest.js';
import {openBlobWriter} from '../store/blob-writer.js';
import type {Store} from '../store/store.js';
import {createCompressor} from './compress.js';
import {type DiffOptions, layerTar} from './diff.js';

export interface CommitRequest {
  /** The store that gets the blob. */
  readonly store: Store;
  readonly diff: DiffOptions;
  readonly compression: Compression;
  readonly level?: number;
}

export interface CommittedLayer {
  readonly descriptor: Descriptor;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Bytes of the uncompressed tar. */
  readonly diffSize: number;
  /** Which code compressed it. */
  readonly implementation: string;
}

/** Makes the layer, both digests and the blob in one pass over the files. Rejects with BuildError or the signal's reason. */
export async function commitLayer(request: CommitRequest, signal: AbortSignal): Promise<CommittedLayer> {
  const compressor = createCompressor(request.compression, request.level);
  const hasher = createHasher();
  async function* hashed(): AsyncGenerator<Buffer, void, undefined> {
    for (const chunk of layerTar(request.diff)) {
      signal.throwIfAborted();
      hasher.update(chunk);
      yield chunk;
      // Messages and signals get a turn.
      await setImmediate();
    }
  }
  const blob = openBlobWriter(request.store);
  try {
    for await (const piece of compressor.compress(hashed())) blob.write(piece);
    const diffSize = hasher.size;
    return {
      descriptor: {mediaType: layerMediaType(request.compression), ...blob.finish()},
      diffId: hasher.digest(),
      diffSize,
      implementation: compressor.implementation,
    };
  } finally {
    blob.discard();
  }
}
