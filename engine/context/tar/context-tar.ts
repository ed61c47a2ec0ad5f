import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../base/errors.js';
import type {BuildContext, ContextEntry} from '../context.js';
import {batchesOf} from '../directory-context.js';
import {byteString, systemPath} from '../raw-path.js';
import {changed, unreadable} from '../unreadable.js';
import {blockBytes, endOfArchive, paddingOf, tarHeader, writePlainHeader, type TarEntry} from './header.js';

/** A file that the archive holds whatever the context has at its path. */
export interface ExtraFile {
  /** Relative to the root. */
  readonly path: string;
  readonly content: string | Uint8Array;
  /** Default 0644. */
  readonly mode?: number;
}

export interface ContextTarOptions {
  /** A Dockerfile from outside the context, or one in place of the context's own. */
  readonly extra?: readonly ExtraFile[];
  /** Told after each chunk how many bytes have been produced. */
  readonly onProgress?: (bytes: number) => void;
}

/** Bytes of a chunk; small files share one. */
const chunkBytes = 256 * 1024;
/** Files up to this size are read whole, at once, between two chunks. Bytes. */
const smallBytes = chunkBytes / 2;

/**
 * The context as one tar archive. Chunks are made when they are asked for, so memory stays at a few of them. Headers say nothing
 * about who built or when: owner 0:0, whole-second times of the files themselves, the walk's order; the same tree gives the same
 * bytes. The second name of a file is a hard link. Extended attributes are not kept. Rejects with CONTEXT_UNREADABLE,
 * CONTEXT_CHANGED, or the signal's reason.
 */
export async function* contextTar(
  context: BuildContext,
  options: ContextTarOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const extra = new Map((options.extra ?? []).map((file) => [file.path, file]));
  const root = byteString(context.root === '/' ? '' : context.root);
  const links = new Map<string, Buffer>();
  let produced = 0;
  let chunk = Buffer.allocUnsafe(chunkBytes);
  let used = 0;
  const append = (bytes: Uint8Array) => {
    chunk.set(bytes, used);
    used += bytes.length;
  };
  /** What is gathered so far; the buffer is the consumer's from now on. */
  const take = (): Uint8Array => {
    const full = chunk.subarray(0, used);
    produced += used;
    chunk = Buffer.allocUnsafe(chunkBytes);
    used = 0;
    options.onProgress?.(produced);
    return full;
  };
  const extraEntry = (file: ExtraFile): {readonly header: Buffer; readonly body: Buffer} => {
    const content = Buffer.from(file.content);
    const fields = {type: 'file', mode: file.mode ?? 0o644, size: content.length, mtime: 0} as const;
    const header = tarHeader({path: Buffer.from(file.path), ...fields});
    return {header, body: Buffer.concat([content, Buffer.alloc(paddingOf(content.length))])};
  };
  /** Bytes of any length, cut to chunks. */
  function* split(bytes: Buffer): Generator<Uint8Array> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + chunkBytes - used);
      append(part);
      at += part.length;
      if (used === chunkBytes) yield take();
    }
  }

  for await (const batch of batchesOf(context, signal))
    for (const entry of batch) {
      const replaced = extra.get(entry.path);
      if (replaced !== undefined) {
        extra.delete(entry.path);
        const {header, body} = extraEntry(replaced);
        yield* split(header);
        yield* split(body);
        continue;
      }
      const first = entry.hardlink === undefined ? undefined : links.get(entry.hardlink);
      if (first === undefined && entry.hardlink !== undefined) links.set(entry.hardlink, entry.rawPath);
      const described = describe(entry, first);
      if (described === undefined) continue;
      // Room for the header and a small file with its padding, or the first part of a large one.
      if (chunkBytes - used < Math.min(described.size, smallBytes) + 2 * blockBytes) yield take();
      if (writePlainHeader(chunk, used, described)) {
        used += blockBytes;
      } else {
        yield* split(tarHeader(described));
        if (chunkBytes - used < Math.min(described.size, smallBytes) + blockBytes) yield take();
      }
      if (described.size === 0 && described.type !== 'file') continue;
      const file = openSource(root, entry);
      try {
        let left = entry.size;
        if (left <= smallBytes) {
          // One byte more than is due, to notice a file that grew: there is room, see above.
          const count = readFully(file, chunk, used, left + 1, entry);
          check(count, left, entry);
          used += count;
        } else {
          check(fstatSync(file).size, left, entry);
          while (left > 0) {
            if (chunkBytes - used < chunkBytes / 4) {
              yield take();
              // Reading is synchronous: others have their turn between chunks.
              await setImmediate();
              signal.throwIfAborted();
            }
            const count = readSome(file, chunk, used, Math.min(left, chunkBytes - used), entry);
            if (count === 0) throw changed(entry.path, 'shrank');
            used += count;
            left -= count;
          }
          if (readSome(file, Buffer.allocUnsafe(1), 0, 1, entry) > 0) throw changed(entry.path, 'grew');
        }
      } finally {
        closeSync(file);
      }
      const padding = paddingOf(entry.size);
      if (padding > chunkBytes - used) yield take();
      chunk.fill(0, used, used + padding);
      used += padding;
    }
  for (const file of extra.values()) {
    const {header, body} = extraEntry(file);
    yield* split(header);
    yield* split(body);
  }
  yield* split(endOfArchive);
  if (used > 0) yield take();
}

/** Division of bigints is slow; a double is right unless the next second is less than its precision away. */
function wholeSeconds(nanoseconds: bigint): number {
  const seconds = Number(nanoseconds) / 1e9;
  const whole = Math.floor(seconds);
  if (seconds - whole > 0.999 || seconds < 0) return Number(nanoseconds / 1_000_000_000n);
  return whole;
}

function describe(entry: ContextEntry, first: Buffer | undefined): TarEntry | undefined {
  const common = {path: entry.rawPath, mode: entry.mode, mtime: wholeSeconds(entry.mtimeNs)};
  if (first !== undefined) return {...common, type: 'hardlink', size: 0, link: first};
  switch (entry.type) {
    case 'socket':
      return undefined;
    case 'symlink':
      return {...common, type: 'symlink', size: 0, link: entry.rawLink ?? Buffer.from(entry.link ?? '')};
    case 'character-device':
    case 'block-device':
      return {...common, type: entry.type, size: 0, ...(entry.device !== undefined && {device: entry.device})};
    default:
      return {...common, type: entry.type, size: entry.size};
  }
}

function openSource(root: string, entry: ContextEntry): number {
  try {
    // Not following links and not waiting for a writer: what was a file may have become a link or a FIFO.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    return openSync(systemPath(`${root}/${entry.rawPath.toString('latin1')}`), flags);
  } catch (error) {
    throw hasErrno(error, 'ELOOP') ? changed(entry.path, 'became a symbolic link') : unreadable(entry.path, error);
  }
}

function readSome(file: number, into: Buffer, at: number, length: number, entry: ContextEntry): number {
  try {
    return readSync(file, into, at, length, null);
  } catch (error) {
    throw unreadable(entry.path, error);
  }
}

/** Reads up to `length` bytes; fewer only at the end of the file. */
function readFully(file: number, into: Buffer, at: number, length: number, entry: ContextEntry): number {
  let count = 0;
  while (count < length) {
    const more = readSome(file, into, at + count, length - count, entry);
    count += more;
    // One byte less than asked for is what is due: the end, without asking again.
    if (more === 0 || count === length - 1) break;
  }
  return count;
}

function check(found: number, due: number, entry: ContextEntry): void {
  if (found > due) throw changed(entry.path, 'grew');
  if (found < due) throw changed(entry.path, 'shrank');
}
