import {createReadStream} from 'node:fs';
import {open, stat} from 'node:fs/promises';
import {BuildError} from '../../../base/errors.js';
import type {Compression} from '../../../oci/media-types.js';
import {decompress} from '../../../snapshot/decompress.js';
import {blockSize} from '../../../snapshot/tar-entry.js';
import {parseHeader, tarInvalid} from '../../../snapshot/tar-header.js';
import {storeFailure, unlinkIfThere} from '../../../store/files.js';
import {type Store, temporaryPath} from '../../../store/store.js';
import {type ArchiveFile, openArchive} from './archive-file.js';

/** `action` on an archive that can be read at random: the file itself, or an unpacked copy in the store for as long as this takes. */
export async function withArchive<T>(
  store: Store,
  input: string | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  action: (archive: ArchiveFile) => Promise<T>,
): Promise<T> {
  if (typeof input === 'string' && (await isPlain(input))) return opened(input, signal, action);
  const source =
    typeof input === 'string'
      ? (createReadStream(input, {highWaterMark: 1024 * 1024}) as AsyncIterable<Uint8Array>)
      : input;
  const copy = temporaryPath(store);
  try {
    await unpackTo(copy, source, signal);
    return await opened(copy, signal, action);
  } finally {
    unlinkIfThere(copy);
  }
}

async function opened<T>(path: string, signal: AbortSignal, action: (archive: ArchiveFile) => Promise<T>): Promise<T> {
  const archive = await openArchive(path, signal);
  try {
    return await action(archive);
  } finally {
    await archive.close();
  }
}

/** A tar in a regular file, which needs no copy. A pipe is not opened: its writer would see it closed. */
async function isPlain(path: string): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  const handle = await open(path, 'r');
  try {
    const start = Buffer.alloc(4);
    await handle.read(start, 0, start.length, 0);
    return compressionOf(start) === 'none';
  } finally {
    await handle.close();
  }
}

function compressionOf(start: Buffer): Compression {
  const magic = start.toString('hex', 0, 4);
  if (magic.startsWith('1f8b')) return 'gzip';
  return magic === '28b52ffd' ? 'zstd' : 'none';
}

async function unpackTo(path: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
  const {start, all} = await peek(source, 4);
  const {start: header, all: tar} = await peek(decompress(all, compressionOf(start), signal), blockSize);
  // What is no tar may be without end.
  if (header.length < blockSize) throw tarInvalid('it ends too early');
  if (header.every((byte) => byte === 0)) throw tarInvalid('it is empty');
  parseHeader(header.subarray(0, blockSize));
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of tar) {
        signal.throwIfAborted();
        for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof BuildError) throw error;
    signal.throwIfAborted();
    throw storeFailure('cannot unpack the archive', path, error);
  }
}

/** The first bytes, at least `size` where there are so many, and everything from the start. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  size: number,
): Promise<{readonly start: Buffer; readonly all: AsyncIterable<Uint8Array>}> {
  const iterator = source[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < size) {
    const next = await iterator.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  return {start, all: from(start, iterator)};
}

async function* from(start: Buffer, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield start;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
