import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import {BuildError, messageOf} from '../../base/errors.js';
import {throughTool} from '../../base/through-tool.js';
import {unxz} from '../../base/unxz.js';
import {unzstd} from '../../base/unzstd.js';

export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

const magics: readonly (readonly [Compression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/** Bytes that tell what a stream is. */
export const peekBytes = 512;

/**
 * How the stream that begins with `head` (its first 512 bytes, if it has as many) is compressed; `none` for a plain tar; undefined
 * for anything else, which builders take for the text of a Dockerfile.
 */
export function archiveKind(head: Uint8Array): Compression | undefined {
  const found = magics.find(([, magic]) => magic.every((byte, at) => head[at] === byte));
  if (found !== undefined) return found[0];
  if (isSkippableFrame(head)) return 'zstd';
  return isTarHeader(head) ? 'none' : undefined;
}

/** RFC 8878, 3.1.2: what some programs put before the first frame of zstd data. */
const isSkippableFrame = (head: Uint8Array): boolean =>
  (head[0] ?? 0) >> 4 === 5 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;

function isTarHeader(head: Uint8Array): boolean {
  if (head.length < peekBytes) return false;
  if (head.every((byte) => byte === 0)) return true;
  const field = Buffer.from(head.subarray(148, 156))
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart();
  if (!/^[0-7]+$/.test(field)) return false;
  let sum = 0;
  for (let at = 0; at < peekBytes; at++) sum += at >= 148 && at < 156 ? 0x20 : (head[at] ?? 0);
  return sum === parseInt(field, 8);
}

/** Decompressed bytes, of all members or frames. Rejects with CONTEXT_INVALID where the data is damaged. */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  kind: Compression,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (kind === 'none') {
    yield* source;
    return;
  }
  try {
    if (kind === 'gzip') yield* throughGunzip(source, signal);
    else if (kind === 'bzip2') yield* throughTool('bzip2', ['-dc'], source);
    else if (kind === 'xz') yield* unxz(source);
    else yield* unzstd(source);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw new BuildError('CONTEXT_INVALID', `the ${kind} data of the context is damaged: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function* throughGunzip(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({chunkSize: 1024 * 1024});
  const done = pipeline(source, gunzip, {signal});
  // Its failure reaches us through the stream.
  done.catch(() => undefined);
  yield* gunzip as AsyncIterable<Uint8Array>;
  await done;
}
