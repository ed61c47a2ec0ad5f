import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import {BuildError, messageOf} from '../base/errors.js';
import type {Compression} from '../oci/media-types.js';

/** Unpacks a layer's bytes in chunks of up to 1 MiB. Throws BuildError ARCHIVE_INVALID, also where it is cut off. */
export function decompress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return gunzip(source, signal);
    case 'zstd':
      return unzstd(source);
  }
}

async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  // The default of 16 KiB takes 2.5 times as long.
  const stream = createGunzip({chunkSize: 1024 * 1024});
  const feeding = pipeline(source, stream, {signal});
  feeding.catch(() => undefined);
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
    await feeding;
  } catch (error) {
    signal.throwIfAborted();
    throw isZlibError(error) ? invalid('gzip', error) : error;
  } finally {
    stream.destroy();
    await feeding.catch(() => undefined);
  }
}

function isZlibError(error: unknown): boolean {
  return error instanceof Error && ((error as NodeJS.ErrnoException).code ?? '').startsWith('Z_');
}

/** Compressed bytes that are unpacked at once: of nothing but repeated bytes, which is four for a block, they give 32 MiB. */
const zstdStep = 1024;
/** RFC 8878, Block_Maximum_Size. */
const mostOfBlock = 128 * 1024;

/** fzstd refuses windows over 32 MiB: memory stays bounded. */
async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const {Decompress} = await import('fzstd');
  let ready: Uint8Array[] = [];
  const stream = new Decompress((block) => {
    if (block.length > mostOfBlock) throw new Error('a block is too large');
    ready.push(block);
  });
  const push = (chunk: Uint8Array, last: boolean) => {
    try {
      stream.push(chunk, last);
    } catch (error) {
      throw invalid('zstd', error);
    }
  };
  let some = false;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += zstdStep) {
      some = true;
      push(chunk.subarray(at, at + zstdStep), false);
      if (ready.length === 0) continue;
      yield* ready;
      ready = [];
    }
  }
  if (!some) throw invalid('zstd', new Error('it is empty'));
  push(new Uint8Array(0), true);
  yield* ready;
}

function invalid(format: string, error: unknown): BuildError {
  return new BuildError('ARCHIVE_INVALID', `not valid ${format}: ${messageOf(error)}`, {cause: error});
}
