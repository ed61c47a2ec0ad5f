import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import {pipeline} from 'node:stream/promises';
import {setImmediate} from 'node:timers/promises';
import {BuildError, hasErrno, messageOf, quote} from '../../base/errors.js';
import {byteString, decodePath, systemPath} from '../raw-path.js';

/** Bounds on what an archive may unfold to. */
export interface ExtractLimits {
  readonly bytes: number;
  readonly entries: number;
}

export const defaultLimits: ExtractLimits = {bytes: 64 * 1024 ** 3, entries: 5_000_000};

const longestPath = 4096;

/** What tar-stream says of a member; its own types leave out what is not of the common case. */
interface Member {
  readonly name: string;
  readonly type: string | null;
  readonly size: number;
  readonly mode: number;
  readonly mtime: Date;
  readonly linkname: string | null;
  readonly pax?: Readonly<Record<string, string>> | null;
}

/** Bytes in front of an entry, long names and attributes included, and after the last one. */
const mostHeader = 16 * 1024 * 1024;

type Kind = 'directory' | 'file' | 'symlink';

/**
 * Unpacks a tar of unknown origin into the empty directory `root`, which nobody else writes to. No entry leaves the root: names are
 * resolved without the file system, `..` beyond the root and paths through a symbolic link or a file are refused, and so are
 * devices and FIFOs; a link's target is stored and never followed. Owners are not kept. A later entry replaces an earlier one.
 * Rejects with CONTEXT_INVALID, NO_SPACE, IO, or the signal's reason.
 */
export async function extractTar(
  source: AsyncIterable<Uint8Array>,
  root: string,
  limits: ExtractLimits,
  signal: AbortSignal,
): Promise<void> {
  const {extract} = await import('tar-stream');
  // Names as bytes: an archive may hold some that are no UTF-8.
  const options: object = {filenameEncoding: 'latin1', allowUnknownFormat: true};
  const reader = extract(options);
  let [bytes, entries] = [0, 0];
  // Zeros may follow the last entry: those of a device have no end.
  async function* bounded(): AsyncGenerator<Uint8Array, void, undefined> {
    let read = 0;
    for await (const chunk of source) {
      read += chunk.length;
      if (read > bytes + (entries + 1) * mostHeader) throw invalid('it does not end after its last entry');
      yield chunk;
    }
  }
  const fed = pipeline(bounded, reader, {signal});
  // Its failure reaches us through the reader.
  fed.catch(() => undefined);
  const tree = new Tree(byteString(root));
  try {
    for await (const entry of reader) {
      const header = entry.header as Member;
      const path = memberPath(header.pax?.path === undefined ? header.name : byteString(header.name));
      if (++entries > limits.entries) throw invalid(`it holds more than ${limits.entries} entries`);
      bytes += header.size;
      if (bytes > limits.bytes) throw invalid(`it unfolds to more than ${limits.bytes} bytes`);
      if (isFile(header)) {
        const file = tree.create(path);
        try {
          for await (const chunk of entry as unknown as AsyncIterable<Buffer>) writeAll(file, chunk);
          fchmodSync(file, header.mode & 0o7777);
          const time = timeOf(header);
          futimesSync(file, time, time);
        } finally {
          closeSync(file);
        }
      } else {
        tree.add(path, header);
        entry.resume();
      }
      if (entries % 256 === 0) await setImmediate();
      signal.throwIfAborted();
    }
    await fed;
    tree.finish();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
      throw new BuildError('NO_SPACE', 'no space left for the unpacked context', {cause: error});
    }
    if (hasErrno(error, 'EACCES', 'EPERM', 'EROFS', 'EIO')) {
      throw new BuildError('IO', 'cannot unpack the context', {cause: error});
    }
    throw invalid(messageOf(error), error);
  } finally {
    reader.destroy();
  }
  if (entries === 0) throw invalid('it is empty');
}

const invalid = (why: string, cause?: unknown): BuildError =>
  new BuildError('CONTEXT_INVALID', `the archive is no usable build context: ${why}`, {cause});

const isFile = (header: Member): boolean =>
  (header.type === 'file' || header.type === 'contiguous-file' || header.type === null) && !header.name.endsWith('/');

function timeOf(header: Member): number {
  const seconds = Number(header.pax?.mtime ?? Number.NaN);
  if (Number.isFinite(seconds)) return seconds;
  return header.mtime.getTime() / 1000;
}

/** The member's path (one character a byte) without `.`, leading `/` and inner `..`. Throws where it leaves the root. */
function memberPath(name: string): string {
  if (name.length > longestPath) throw invalid(`a path in it has ${name.length} bytes`);
  if (name.includes('\0')) throw invalid('a path in it holds a NUL byte');
  const out: string[] = [];
  for (const part of name.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else if (out.pop() === undefined) throw invalid(`${quote(decodePath(name))} leads out of it`);
  }
  return out.join('/');
}

function writeAll(file: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
}

/** What has been made, so that no step asks the file system what a path is. */
class Tree {
  private readonly root: string;
  private readonly kinds = new Map<string, Kind>([['', 'directory']]);
  private readonly directories = new Map<string, {readonly mode: number; readonly time: number}>();

  constructor(root: string) {
    this.root = root;
  }

  private at(path: string): string | Buffer {
    return systemPath(path === '' ? this.root : `${this.root}/${path}`);
  }

  /** Makes what is missing above `path` and removes what is at it. */
  private clear(path: string): void {
    if (path === '') throw invalid('its root is not a directory');
    this.parents(path);
    const before = this.kinds.get(path);
    if (before === undefined) return;
    rmSync(this.at(path), {recursive: before === 'directory'});
    this.kinds.delete(path);
    if (before !== 'directory') return;
    for (const known of [...this.kinds.keys()]) {
      if (!known.startsWith(`${path}/`)) continue;
      this.kinds.delete(known);
      this.directories.delete(known);
    }
    this.directories.delete(path);
  }

  private parents(path: string): void {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const above = path.slice(0, at);
      const kind = this.kinds.get(above);
      if (kind === 'directory') continue;
      if (kind !== undefined) {
        const what = kind === 'symlink' ? 'symbolic link' : 'file';
        throw invalid(`${quote(decodePath(path))} lies below ${quote(decodePath(above))}, which is a ${what}`);
      }
      mkdirSync(this.at(above), 0o755);
      this.kinds.set(above, 'directory');
    }
  }

  /** A descriptor of the new file. */
  create(path: string): number {
    this.clear(path);
    const file = openSync(
      this.at(path),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    this.kinds.set(path, 'file');
    return file;
  }

  add(path: string, header: Member): void {
    const shown = quote(decodePath(path));
    const target = header.pax?.linkpath === undefined ? (header.linkname ?? '') : byteString(header.linkname ?? '');
    switch (header.type) {
      case 'symlink':
        this.clear(path);
        if (target.length > longestPath) throw invalid(`the link ${shown} has a target of ${target.length} bytes`);
        symlinkSync(systemPath(target), this.at(path));
        this.kinds.set(path, 'symlink');
        lutimesSync(this.at(path), timeOf(header), timeOf(header));
        return;
      case 'link': {
        const first = memberPath(target);
        const kind = this.kinds.get(first);
        if (kind === undefined || kind === 'directory') {
          throw invalid(`${shown} is a hard link to ${quote(decodePath(target))}, which is no file before it`);
        }
        if (first === path) return;
        this.clear(path);
        linkSync(this.at(first), this.at(path));
        this.kinds.set(path, kind);
        return;
      }
      case 'character-device':
      case 'block-device':
      case 'fifo':
        throw invalid(`${shown} is a ${header.type.replace('-', ' ')}, which no build can copy`);
      default:
        this.directory(path, header);
    }
  }

  private directory(path: string, header: Member): void {
    if (this.kinds.get(path) !== 'directory') {
      this.clear(path);
      mkdirSync(this.at(path), 0o755);
      this.kinds.set(path, 'directory');
    }
    // Set at the end: until then files are written into it.
    if (path !== '') this.directories.set(path, {mode: header.mode & 0o7777, time: timeOf(header)});
  }

  finish(): void {
    for (const [path, {mode, time}] of [...this.directories].sort(([a], [b]) => (a < b ? 1 : -1))) {
      utimesSync(this.at(path), time, time);
      chmodSync(this.at(path), mode);
    }
  }
}
