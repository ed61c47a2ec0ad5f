import {createReadStream, readFileSync, renameSync, statSync} from 'node:fs';
import {type FileHandle, open} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError} from '../base/errors.js';
import {
  checkDigest,
  createHasher,
  type Digest,
  type Expected,
  type Hasher,
  hexOf,
  verifyBytes,
  verifyStream,
} from '../oci/digest.js';
import {isMissing, storeFailure, unlinkIfThere} from './files.js';
import {claim} from './leases.js';
import {directoryOf, type Store, temporaryPath} from './store.js';
import {moveToTrash} from './trash.js';

export interface StoredBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

const chunkBytes = 1024 * 1024;

/** `<root>/blobs/sha256/<hex>`, whether it is there or not. */
export function blobPath(store: Store, digest: Digest): string {
  return join(store.root, 'blobs/sha256', hexOf(digest));
}

export function hasBlob(store: Store, digest: Digest): boolean {
  return blobSize(store, digest) !== undefined;
}

/** Bytes; undefined where there is none. */
export function blobSize(store: Store, digest: Digest): number | undefined {
  try {
    return statSync(blobPath(store, digest), {throwIfNoEntry: false})?.size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storeFailure('cannot read a blob', blobPath(store, digest), error);
  }
}

/** True where the blob is there, and will be until the store is closed. */
export function claimBlob(store: Store, digest: Digest): boolean {
  claim(store, {kind: 'blob', id: digest});
  return hasBlob(store, digest);
}

/**
 * The content, verified while it is read: it must not be trusted before the iteration has ended. Rejects with NOT_FOUND;
 * with STORE_CORRUPT where the bytes are not the digest's, and the blob is then gone, so that it is made again.
 */
export async function* readBlob(store: Store, digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
  const path = blobPath(store, digest);
  const stream = createReadStream(path, {highWaterMark: chunkBytes, signal: store.signal});
  try {
    yield* verifyStream(`blob ${digest}`, stream as AsyncIterable<Uint8Array>, {digest});
  } catch (error) {
    store.signal.throwIfAborted();
    throw readFailure(store, digest, error);
  } finally {
    stream.destroy();
  }
}

/**
 * The bytes from `offset` on. All of them are verified as by `readBlob`; a part is not: it is for whoever verifies the
 * whole, as a registry does. Rejects as `readBlob`.
 */
export async function* readBlobFrom(
  store: Store,
  digest: Digest,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (offset === 0) return yield* readBlob(store, digest);
  const options = {start: offset, highWaterMark: chunkBytes, signal: store.signal};
  const stream = createReadStream(blobPath(store, digest), options);
  try {
    yield* stream as AsyncIterable<Uint8Array>;
  } catch (error) {
    store.signal.throwIfAborted();
    throw readFailure(store, digest, error);
  } finally {
    stream.destroy();
  }
}

/** A small blob whole: a manifest or config. Throws as `readBlob` rejects; STORE_CORRUPT also above `most` bytes. */
export function readBlobBytes(store: Store, digest: Digest, most: number): Buffer {
  const path = blobPath(store, digest);
  try {
    const {size} = statSync(path);
    if (size > most) throw new BuildError('STORE_CORRUPT', `blob ${digest} has ${size} bytes, more than ${most}`);
    const bytes = readFileSync(path);
    verifyBytes(`blob ${digest}`, bytes, {digest});
    return bytes;
  } catch (error) {
    throw readFailure(store, digest, error);
  }
}

function readFailure(store: Store, digest: Digest, error: unknown): BuildError {
  const path = blobPath(store, digest);
  if (isMissing(error))
    return new BuildError('NOT_FOUND', `the store has no blob ${digest}`, {file: path, cause: error});
  if (error instanceof BuildError && error.code === 'DIGEST_MISMATCH') {
    moveToTrash(store, path);
    return new BuildError('STORE_CORRUPT', `${error.message}: it was damaged on the disk, and is removed`, {
      file: path,
      cause: error,
      remedy: 'Build again: it is fetched or made anew.',
    });
  }
  return storeFailure(`cannot read blob ${digest}`, path, error);
}

/**
 * Stores what `source` yields, fsynced and then renamed, and claims it. Where `expected` is there already, `source` is
 * not read. Rejects with DIGEST_MISMATCH, NO_SPACE, IO, the source's error or the signal's reason; nothing stays then.
 */
export async function writeBlob(
  store: Store,
  source: AsyncIterable<Uint8Array>,
  expected?: Expected,
): Promise<StoredBlob> {
  if (expected !== undefined && claimBlob(store, expected.digest)) {
    const size = blobSize(store, expected.digest) ?? 0;
    if (expected.size === undefined || expected.size === size) return {digest: expected.digest, size};
  }
  const temporary = temporaryPath(store);
  try {
    const hasher = createHasher();
    const file = await openTemporary(temporary);
    try {
      for await (const chunk of source) {
        store.signal.throwIfAborted();
        hasher.update(chunk);
        if (expected?.size !== undefined && hasher.size > expected.size) {
          throw new BuildError('DIGEST_MISMATCH', `the blob has more than the expected ${expected.size} bytes`);
        }
        await writeAll(file, chunk, temporary);
      }
      await file.sync().catch((error: unknown) => {
        throw storeFailure('cannot store a blob', temporary, error);
      });
    } finally {
      await file.close();
    }
    return placeBlob(store, temporary, hasher, expected);
  } catch (error) {
    unlinkIfThere(temporary);
    throw error;
  }
}

async function openTemporary(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o644);
  } catch (error) {
    throw storeFailure('cannot store a blob', path, error);
  }
}

async function writeAll(file: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
  } catch (error) {
    throw storeFailure('cannot store a blob', path, error);
  }
}

/** Gives a complete and fsynced file its name, in place of what is there: that may be damaged, and this was just verified. */
export function placeBlob(store: Store, temporary: string, hasher: Hasher, expected?: Expected): StoredBlob {
  const found = {size: hasher.size, digest: hasher.digest()};
  if (expected !== undefined) checkDigest('the blob', found, expected);
  claim(store, {kind: 'blob', id: found.digest});
  directoryOf(store, 'blobs/sha256');
  try {
    renameSync(temporary, blobPath(store, found.digest));
  } catch (error) {
    throw storeFailure('cannot store a blob', temporary, error);
  }
  return found;
}
