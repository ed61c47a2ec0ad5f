import {promisify} from 'node:util';
import {constants, crc32, deflateRaw} from 'node:zlib';
import {BuildError} from '../base/errors.js';
import {loadKoffi} from '../base/koffi.js';
import type {Compression} from '../oci/media-types.js';

export interface Compressor {
  readonly compression: Compression;
  /** Which code compresses, and how. It decides the digest, so it is fixed for an output and recorded in its metadata. */
  readonly implementation: string;
  /** The same input gives the same output, however it is cut into chunks. */
  compress(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncIterable<Buffer>;
}

const segmentSize = 1024 * 1024;
const windowSize = 32 * 1024;
/** Segments that are compressed at once: the steps need the machine's cores too. */
const atOnce = 3;
const deflate = promisify<Buffer, object, Buffer>(deflateRaw);

/** `level`: gzip 0 to 9 (default 6), zstd 1 to 22 (default 3). Throws BuildError CONFIG_INVALID, or TOOL_MISSING for zstd. */
export function createCompressor(compression: Compression, level?: number): Compressor {
  switch (compression) {
    case 'none':
      return {compression, implementation: 'none', compress: (source) => segments(source)};
    case 'gzip': {
      const chosen = checkLevel(compression, level ?? 6, 0, 9);
      return {compression, implementation: `zlib level ${chosen}`, compress: (source) => gzip(source, chosen)};
    }
    case 'zstd': {
      const chosen = checkLevel(compression, level ?? 3, 1, 22);
      const library = loadZstd();
      return {
        compression,
        implementation: `libzstd ${library.version} level ${chosen}`,
        compress: (source) => inOrder(segments(source), (segment) => library.compress(segment, chosen)),
      };
    }
  }
}

function checkLevel(compression: Compression, level: number, least: number, most: number): number {
  if (Number.isInteger(level) && level >= least && level <= most) return level;
  throw new BuildError(
    'CONFIG_INVALID',
    `the compression level ${level} of ${compression} is not between ${least} and ${most}`,
  );
}

/** Pieces of exactly `segmentSize`, the last one shorter: what the input's own chunks are does not show in the output. */
async function* segments(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      const piece = chunk.subarray(at, at + segmentSize - size);
      held.push(piece);
      size += piece.length;
      at += piece.length;
      if (size < segmentSize) continue;
      yield held.length === 1 && held[0] !== undefined ? asBuffer(held[0]) : Buffer.concat(held);
      held = [];
      size = 0;
    }
  }
  if (size > 0) yield Buffer.concat(held);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * One gzip member (RFC 1952) without name or time. Its segments are compressed side by side, each with the 32 KiB before it as
 * dictionary and ended at a byte border: one plain stream for whoever unpacks it.
 */
async function* gzip(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  level: number,
): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
  let checksum = 0;
  let total = 0;
  let before: Buffer | undefined;
  const pieces = inOrder(segments(source), async (segment) => {
    checksum = crc32(segment, checksum);
    total += segment.length;
    const dictionary = before?.subarray(-windowSize);
    before = segment;
    const chosen = level === 0 || (await isDense(segment)) ? 0 : level;
    const options = {level: chosen, memLevel: 9, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: segmentSize};
    return deflate(segment, dictionary === undefined ? options : {...options, dictionary});
  });
  yield* pieces;
  // An empty last block, then the trailer.
  const end = Buffer.alloc(10);
  end.writeUInt16LE(3, 0);
  end.writeUInt32LE(checksum, 2);
  end.writeUInt32LE(total % 2 ** 32, 6);
  yield end;
}

const sampleSize = 16 * 1024;

/** Whether a segment is of what is compressed already: its samples do not get smaller. Trying all of it takes as long as with any other. */
async function isDense(segment: Buffer): Promise<boolean> {
  if (segment.length < 8 * sampleSize) return false;
  for (const part of [0.1, 0.5, 0.9]) {
    const at = Math.floor((segment.length - sampleSize) * part);
    const sample = await deflate(segment.subarray(at, at + sampleSize), {level: 1});
    if (sample.length < sampleSize * 0.99) return false;
  }
  return true;
}

/** Results in the order of the input, with `atOnce` of them under way. */
async function* inOrder(
  source: AsyncIterable<Buffer>,
  work: (segment: Buffer) => Promise<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  const running: Promise<Buffer>[] = [];
  for await (const segment of source) {
    const result = work(segment);
    // A failure is seen when its turn comes.
    result.catch(() => undefined);
    running.push(result);
    const first = running.length < atOnce ? undefined : running.shift();
    if (first !== undefined) yield await first;
  }
  for (const result of running) yield await result;
}

interface Zstd {
  readonly version: string;
  /** One frame; frames one after another are one stream (RFC 8878). */
  compress(segment: Buffer, level: number): Promise<Buffer>;
}

interface KoffiFunction {
  (...args: readonly unknown[]): unknown;
  readonly async: (...args: readonly unknown[]) => void;
}

let zstd: Zstd | undefined;

function loadZstd(): Zstd {
  zstd ??= bindZstd();
  return zstd;
}

function bindZstd(): Zstd {
  try {
    const koffi = loadKoffi() as {
      load(name: string): {func(prototype: string): KoffiFunction};
    };
    const library = koffi.load('libzstd.so.1');
    const version = library.func('str ZSTD_versionString()')() as string;
    const bound = library.func('size_t ZSTD_compressBound(size_t size)');
    const compress = library.func(
      'size_t ZSTD_compress(_Out_ uint8_t *to, size_t room, const uint8_t *from, size_t size, int level)',
    );
    const isError = library.func('uint ZSTD_isError(size_t code)');
    const compressAsync: (...args: readonly unknown[]) => Promise<unknown> = promisify(compress.async);
    return {
      version,
      async compress(segment, level) {
        const out = Buffer.allocUnsafeSlow(Number(bound(segment.length)));
        const size = await compressAsync(out, out.length, segment, segment.length, level);
        if (isError(size) !== 0) throw new BuildError('IO', 'libzstd cannot compress a layer');
        return out.subarray(0, Number(size));
      },
    };
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError('TOOL_MISSING', 'zstd layers need the library libzstd.so.1', {
      cause: error,
      remedy: 'Install it (on Debian: libzstd1), or use compression=gzip.',
    });
  }
}
