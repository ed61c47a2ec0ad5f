import {Readable} from 'node:stream';
import zlib from 'node:zlib';
import type {Transform} from 'node:stream';
import {messageOf} from '../base/errors.js';
import {unxz} from '../base/unxz.js';
import {invalid} from './ar.js';

export type Compression = 'none' | 'gzip' | 'xz' | 'zstd';

// What zstd itself refuses without being told otherwise.
const mostZstdWindow = 128 * 1024 * 1024;
// One block of four bytes may stand for 128 kB: small pieces keep what one of them yields bounded.
const zstdPiece = 1024;

/** Compression by the name of a member (deb(5)); undefined for one that is not read here (bzip2, lzma). */
export function compressionOf(name: string): Compression | undefined {
  const known: Readonly<Record<string, Compression>> = {tar: 'none', gz: 'gzip', xz: 'xz', zst: 'zstd'};
  return known[name.slice(name.lastIndexOf('.') + 1)];
}

/** Unpacked bytes, at most `limit`. Throws BuildError ARTIFACT_INVALID for damaged data and for more than the limit. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  limit: number,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  try {
    for await (const piece of unpacked(source, compression)) {
      size += piece.length;
      if (size > limit) throw invalid(`it unpacks to more than ${limit} bytes`);
      yield piece;
    }
  } catch (error) {
    if (error instanceof Error && ['BuildError', 'AbortError', 'TimeoutError'].includes(error.name)) throw error;
    throw invalid(`its ${compression} data is damaged: ${messageOf(error)}`, error);
  }
}

function unpacked(source: AsyncIterable<Uint8Array>, compression: Compression): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return source;
    case 'gzip':
      return through(source, zlib.createGunzip());
    case 'xz':
      return unxz(source);
    case 'zstd':
      return unzstd(source);
  }
}

/** Both streams are closed when the reader stops early. */
async function* through(source: AsyncIterable<Uint8Array>, transform: Transform): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source);
  input.on('error', (error) => transform.destroy(error));
  try {
    yield* input.pipe(transform) as AsyncIterable<Uint8Array>;
  } finally {
    input.destroy();
    transform.destroy();
  }
}

type WithZstd = typeof zlib & {readonly createZstdDecompress?: () => Transform};

async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Node has it from 22.15 on.
  const native = (zlib as WithZstd).createZstdDecompress;
  if (native !== undefined) {
    yield* through(source, native());
    return;
  }
  const {Decompress} = await import('fzstd');
  let ready: Uint8Array[] = [];
  const stream = new Decompress((piece) => {
    ready.push(piece.slice());
  });
  let first = true;
  for await (const piece of source) {
    if (first) checkWindow(piece);
    first = false;
    for (let at = 0; at < piece.length; at += zstdPiece) {
      stream.push(piece.subarray(at, at + zstdPiece));
      yield* ready;
      ready = [];
    }
  }
  stream.push(new Uint8Array(0), true);
  yield* ready;
}

/** A frame header may ask for gigabytes (RFC 8878, section 3.1.1.1). */
function checkWindow(piece: Uint8Array): void {
  const view = Buffer.from(piece.buffer, piece.byteOffset, Math.min(piece.length, 18));
  if (view.length < 18 || view.readUInt32LE(0) !== 0xfd2fb528) return;
  const descriptor = view.readUInt8(4);
  if ((descriptor & 0x20) === 0) {
    const byte = view.readUInt8(5);
    const base = 2 ** (10 + (byte >> 3));
    if (base + (base / 8) * (byte & 7) > mostZstdWindow) throw invalid('its zstd window is larger than 128 MiB');
    return;
  }
  const at = 5 + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  const flag = descriptor >> 6;
  const size = flag === 3 ? Number(view.readBigUInt64LE(at)) : flag === 2 ? view.readUInt32LE(at) : 0;
  if (size > mostZstdWindow) throw invalid('its zstd window is larger than 128 MiB');
}

/** `xz` of nothing. */
const nothing = Buffer.from('/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=', 'base64');

/** Loads what most packages need to be read, which takes longer than reading one: for a time when there is nothing else to do. */
export async function prepareDecompress(): Promise<void> {
  const source = async function* () {
    yield nothing;
    await Promise.resolve();
  };
  await unxz(source()).next();
}
