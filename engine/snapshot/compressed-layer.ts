import {createHasher, type Digest} from '../oci/digest.js';
import {layerMediaType} from '../oci/media-types.js';
import {type CompressedLayer, writeCompressed} from '../store/compressed.js';
import {openBlobWriter} from '../store/blob-writer.js';
import type {Store} from '../store/store.js';
import {createCompressor} from './compress.js';

/** A delivery waits for it: this level gives 1 % more bytes than the default in two thirds of the time. */
const level = 4;

/**
 * The gzip form of a layer as a blob of the store, remembered by its diff ID, in one pass over its tar. Rejects with NO_SPACE,
 * IO, the source's error or the signal's reason.
 */
export async function compressLayer(
  store: Store,
  tar: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  progress: (bytes: number) => void = () => undefined,
): Promise<CompressedLayer & {readonly diffId: Digest}> {
  const hasher = createHasher();
  async function* hashed(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of tar) {
      signal.throwIfAborted();
      hasher.update(chunk);
      progress(hasher.size);
      yield chunk;
    }
  }
  const blob = openBlobWriter(store);
  try {
    for await (const piece of createCompressor('gzip', level).compress(hashed())) blob.write(piece);
    const layer = {mediaType: layerMediaType('gzip'), ...blob.finish()};
    const diffId = hasher.digest();
    writeCompressed(store, diffId, layer);
    return {...layer, diffId};
  } finally {
    blob.discard();
  }
}
