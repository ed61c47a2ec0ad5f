import {spawn} from 'node:child_process';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {createGunzip} from 'node:zlib';
import type * as xz from 'xz-decompress';
import {BuildError, hasErrno, messageOf} from '../../base/errors.js';

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
  return isTarHeader(head) ? 'none' : undefined;
}

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

/** The beginning of a stream, and the whole of it again. */
export async function peek(source: AsyncIterable<Uint8Array>): Promise<{head: Buffer; all: AsyncIterable<Uint8Array>}> {
  const iterator = source[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let length = 0;
  while (length < peekBytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    read.push(next.value);
    length += next.value.length;
  }
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      yield* read;
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return {head: Buffer.concat(read).subarray(0, peekBytes), all: all()};
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
    else if (kind === 'bzip2') yield* throughBzip2(source, signal);
    else if (kind === 'xz') yield* throughXz(source);
    else yield* throughZstd(source);
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

async function* throughBzip2(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const child = spawn('bzip2', ['-dc'], {stdio: ['pipe', 'pipe', 'ignore'], signal, killSignal: 'SIGKILL'});
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const fed = pipeline(source, child.stdin);
  for (const promise of [ended, fed]) promise.catch(() => undefined);
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>;
    const status = await ended;
    if (status !== 0) throw new Error(`bzip2 ended with status ${String(status)}`);
    await fed;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    throw new BuildError('TOOL_MISSING', 'bzip2 is needed for this context and is not installed', {
      cause: error,
      remedy: 'Install it (apt-get install bzip2), or compress the context with gzip.',
    });
  } finally {
    child.kill('SIGKILL');
  }
}

async function* throughXz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // A CommonJS bundle, whose names Node finds on the default export alone.
  const bundle: unknown = await import('xz-decompress');
  const {XzReadableStream} = (bundle as {readonly default: typeof xz}).default;
  const web = Readable.toWeb(Readable.from(source, {objectMode: false})) as ReadableStream<Uint8Array>;
  const reader = new XzReadableStream(web).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function* throughZstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const {Decompress} = await import('fzstd');
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => {
    // The decoder may use its window again.
    ready.push(Uint8Array.from(chunk));
  });
  for await (const chunk of source) {
    decoder.push(Uint8Array.from(chunk));
    yield* ready.splice(0);
  }
  decoder.push(new Uint8Array(0), true);
  yield* ready.splice(0);
}
