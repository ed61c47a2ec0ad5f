import {closeSync, readSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../base/errors.js';
import type {BuildContext, ContextEntry} from '../context.js';
import {batchesOf} from '../directory-context.js';
import {DiskEntry, rawOf} from '../disk-entry.js';
import {useHelpers} from '../helpers/helpers.js';
import {openedSize, openSource, wholeSeconds} from '../helpers/jobs.js';
import {byteString} from '../raw-path.js';
import {changed, unreadable} from '../unreadable.js';
import {gatherer, taken, type Gathered, type Gatherer} from './gather.js';
import {endOfArchive, paddingOf, tarHeader, type TarEntry} from './header.js';

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
  /**
   * Whether the memory of a chunk may be used again once two more have been asked for: for a reader that is done with it by then, as
   * one that waits for each to be written. Fresh memory for each costs as much time as reading the files. Default false.
   */
  readonly reuse?: boolean;
}

/** Bytes of a chunk; small files share one. */
const chunkBytes = 256 * 1024;
/** Files up to this size are read whole, many to a chunk, in helper threads where there are any. Bytes. */
const smallBytes = chunkBytes / 2;
/** Chunks that wait for their files or for the reader. */
const mostWaiting = 6;

/**
 * The context as one tar archive. A few chunks are made ahead of the reader, never more, so memory stays at those. Headers say
 * nothing about who built or when: owner 0:0, whole-second times of the files themselves, the walk's order; the same tree gives the
 * same bytes. The second name of a file is a hard link. Extended attributes are not kept. Rejects with CONTEXT_UNREADABLE,
 * CONTEXT_CHANGED, or the signal's reason.
 */
export async function* contextTar(
  context: BuildContext,
  options: ContextTarOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const helpers = useHelpers();
  const waiting: Gathered[] = [];
  const given: ArrayBuffer[] = [];
  const free: ArrayBuffer[] = [];
  // With memory of its own, which can be handed to a thread.
  const allocate = (): Buffer<ArrayBuffer> => {
    const buffer = free.pop();
    return buffer === undefined ? Buffer.allocUnsafeSlow(chunkBytes) : Buffer.from(buffer);
  };
  let produced = 0;
  async function* deliver(most: number): AsyncGenerator<Uint8Array> {
    while (waiting.length > most) {
      const bytes = await waiting.shift()?.bytes;
      signal.throwIfAborted();
      if (bytes === undefined) return;
      produced += bytes.length;
      options.onProgress?.(produced);
      yield bytes;
      if (options.reuse !== true) continue;
      given.push(bytes.buffer);
      const done = given.length > 1 ? given.shift() : undefined;
      if (done?.byteLength === chunkBytes) free.push(done);
    }
  }
  try {
    const root = byteString(context.root === '/' ? '' : context.root);
    for await (const chunk of chunksOf(context, options.extra ?? [], gatherer(root, allocate, helpers), root, signal)) {
      // A failure is told in its turn, and to nobody where the reader left before.
      chunk.bytes.catch(() => undefined);
      waiting.push(chunk);
      yield* deliver(helpers.ready() ? mostWaiting : 0);
      // Without threads reading is synchronous: others have their turn between chunks.
      if (!helpers.ready()) await setImmediate();
    }
    yield* deliver(0);
  } finally {
    helpers.release();
  }
}

async function* chunksOf(
  context: BuildContext,
  files: readonly ExtraFile[],
  gather: Gatherer,
  root: string,
  signal: AbortSignal,
): AsyncGenerator<Gathered, void, undefined> {
  const extra = new Map(files.map((file) => [file.path, file]));
  const links = new Map<string, string>();
  for await (const batch of batchesOf(context, signal))
    for (const entry of batch) {
      const replaced = extra.get(entry.path);
      if (replaced !== undefined) {
        extra.delete(entry.path);
        yield* gather.append(extraEntry(replaced));
        continue;
      }
      const first = entry.hardlink === undefined ? undefined : links.get(entry.hardlink);
      if (first === undefined && entry.hardlink !== undefined) links.set(entry.hardlink, rawOf(entry));
      const described = describe(entry, first);
      if (described === undefined) continue;
      const small = described.size <= smallBytes;
      yield* gather.header(described, small ? taken(described.size) : 0);
      if (described.type !== 'file') continue;
      if (small) gather.file(entry, described.path);
      else yield* largeFile(root, described.path, entry, gather);
    }
  for (const file of extra.values()) yield* gather.append(extraEntry(file));
  yield* gather.append(endOfArchive);
  yield* gather.rest();
}

function extraEntry(file: ExtraFile): Buffer {
  const content = Buffer.from(file.content);
  const {length: size} = content;
  const fields = {type: 'file', mode: file.mode ?? 0o644, size, mtime: 0, link: undefined, device: undefined} as const;
  const header = tarHeader({path: byteString(file.path), ...fields});
  return Buffer.concat([header, content, Buffer.alloc(paddingOf(content.length))]);
}

/** Read here, a chunk at a time, from one descriptor, so that it is one file whatever happens to its name. */
function* largeFile(root: string, raw: string, entry: ContextEntry, gather: Gatherer): Generator<Gathered> {
  const file = openLarge(root, raw, entry);
  try {
    check(openedSize(file), entry);
    for (let left = entry.size; left > 0;) {
      const space = yield* gather.space(left);
      const count = readSome(file, space, entry);
      if (count === 0) throw changed(entry.path, 'shrank');
      gather.wrote(count);
      left -= count;
    }
    if (readSome(file, Buffer.allocUnsafe(1), entry) > 0) throw changed(entry.path, 'grew');
  } finally {
    closeSync(file);
  }
  yield* gather.pad(entry.size);
}

function openLarge(root: string, raw: string, entry: ContextEntry): number {
  try {
    return openSource(root, raw);
  } catch (error) {
    throw hasErrno(error, 'ELOOP') ? changed(entry.path, 'became a symbolic link') : unreadable(entry.path, error);
  }
}

function readSome(file: number, into: Uint8Array, entry: ContextEntry): number {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (error) {
    throw unreadable(entry.path, error);
  }
}

function check(found: number | undefined, entry: ContextEntry): void {
  if (found === undefined) throw changed(entry.path, 'became something else than a file');
  if (found > entry.size) throw changed(entry.path, 'grew');
  if (found < entry.size) throw changed(entry.path, 'shrank');
}

function describe(entry: ContextEntry, first: string | undefined): TarEntry | undefined {
  const {type} = entry;
  if (type === 'socket') return undefined;
  const target = type === 'symlink' ? (entry.rawLink?.toString('latin1') ?? byteString(entry.link ?? '')) : undefined;
  return {
    path: rawOf(entry),
    type: first === undefined ? type : 'hardlink',
    mode: entry.mode,
    size: first === undefined ? entry.size : 0,
    mtime: entry instanceof DiskEntry ? entry.mtime : wholeSeconds(entry.mtimeNs),
    link: first ?? target,
    device: entry.device,
  };
}
