import {
  chmodSync,
  closeSync,
  constants,
  createReadStream,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import {BuildError, hasErrno} from '../../../base/errors.js';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import {changed} from '../../../context/unreadable.js';
import {openSourceFile} from '../../../context/open-in-place.js';
import {archiveKind, decompress, peekBytes} from '../../../context/source/archive.js';
import {isOwnXattr, writeAll} from '../../../snapshot/metadata.js';
import type {TarEntry} from '../../../snapshot/tar-entry.js';
import {archiveError} from '../../../snapshot/tar-header.js';
import {readTar, type TarHandler} from '../../../snapshot/tar-reader.js';
import {isDirectory} from './file-stats.js';
import {cleanComponents, join, nameOf, parentOf, shown, stepError, decodePath, quotePath} from './byte-path.js';
import {ioError, makeDirectory, type Destination} from './destination.js';
import type {Owner} from './owner.js';
import {resolve} from './resolve.js';
import {rawTree} from './source-tree.js';

/** The longest path that the kernel takes (PATH_MAX), bytes. */
const longestPath = 4096;

/** A regular file that may be an archive; `path` is a byte string. */
export interface ArchiveSource {
  readonly path: string;
  /** Others may write to its directories meanwhile. */
  readonly shared: boolean;
}

/** How the file is compressed, where it looks like an archive. */
function archiveOf(file: number): ReturnType<typeof archiveKind> {
  const head = Buffer.alloc(peekBytes);
  return archiveKind(head.subarray(0, readSync(file, head, 0, peekBytes, 0)));
}

function openArchive({path, shared}: ArchiveSource): number {
  try {
    return openSourceFile(path, shared);
  } catch (error) {
    if (hasErrno(error, 'ELOOP')) throw changed(decodePath(path), 'came to lie behind a symbolic link');
    throw ioError(`cannot open ${quotePath(path)}`, error);
  }
}

/** Whether the first header of the archive can be read: a compressed file that is no tar is copied as it is. */
export async function isTar({path, shared}: ArchiveSource, signal: AbortSignal): Promise<boolean> {
  const file = openArchive({path, shared});
  const kind = archiveOf(file);
  if (kind === undefined) {
    closeSync(file);
    return false;
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  const source = createReadStream('', {fd: file, start: 0, end: 1024 * 1024});
  try {
    for await (const chunk of decompress(source, kind, signal)) {
      parts.push(chunk);
      length += chunk.length;
      if (length >= peekBytes) break;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BuildError) || error.code === 'TOOL_MISSING') throw error;
  } finally {
    source.destroy();
  }
  const head = Buffer.concat(parts).subarray(0, peekBytes);
  // An archive without an entry is copied like any other file, and so is what is compressed twice.
  return archiveKind(head) === 'none' && head.some((byte) => byte !== 0);
}

/**
 * Unpacks the archive into the directory `into` of the root. Links are followed with that directory
 * as `/`: nothing outside it is written, whatever the archive holds. Rejects with ARCHIVE_INVALID, STEP_FAILED, NO_SPACE.
 */
export async function unpack(
  {path, shared}: ArchiveSource,
  destination: Destination,
  into: string,
  owner: Owner | undefined,
  signal: AbortSignal,
): Promise<void> {
  const file = openArchive({path, shared});
  const kind = archiveOf(file) ?? 'none';
  const root = into === '' ? destination.tree.root : `${destination.tree.root}/${into}`;
  const unpacker = new Unpacker(root, owner);
  const source = createReadStream('', {fd: file, start: 0, highWaterMark: 1024 * 1024});
  try {
    await readTar(decompress(source, kind, signal), unpacker, signal);
    unpacker.finish();
  } catch (error) {
    throw archiveError(`cannot unpack ${quotePath(nameOf(path))}`, error);
  } finally {
    source.destroy();
    unpacker.close();
  }
}

class Unpacker implements TarHandler {
  readonly #tree;
  readonly #owner: Owner | undefined;
  /** Times of directories come last: what is made in them changes them. */
  readonly #times: [path: string, time: Timestamp][] = [];
  /** A directory had to give way to something else. */
  #hasReplaced = false;
  #file: {readonly descriptor: number; readonly entry: TarEntry; readonly path: string; written: number} | undefined;

  constructor(root: string, owner: Owner | undefined) {
    this.#tree = rawTree(root);
    this.#owner = owner;
  }

  entry(entry: TarEntry): void {
    try {
      this.#entry(entry);
    } catch (error) {
      throw ioError(`cannot unpack ${shown(entry.name)}`, error);
    }
  }

  data(chunk: Buffer, offset: number): void {
    if (this.#file === undefined) return;
    try {
      writeAll(this.#file.descriptor, chunk, offset);
    } catch (error) {
      throw ioError(`cannot unpack ${shown(this.#file.path)}`, error);
    }
    this.#file.written = offset + chunk.length;
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    const {descriptor, entry, path} = file;
    try {
      if (file.written < entry.size) ftruncateSync(descriptor, entry.size);
      const {uid, gid} = this.#owner ?? entry;
      fchownSync(descriptor, uid, gid);
      fchmodSync(descriptor, entry.mode);
      this.#xattrs(path, entry);
      syscalls().setFileTimes(descriptor, entry.mtime);
    } catch (error) {
      throw ioError(`cannot unpack ${shown(path)}`, error);
    } finally {
      closeSync(descriptor);
    }
  }

  finish(): void {
    for (const [path, time] of this.#times) {
      // A directory on the way may be a symlink by now, which the kernel would follow out of the root.
      if (this.#hasReplaced && !this.#isDirectory(parentOf(path))) continue;
      const stats = this.#tree.lookup(path);
      if (stats !== undefined && isDirectory(stats)) syscalls().setTimes(this.#real(path), time);
    }
  }

  /** A directory, and so is everything above it. */
  #isDirectory(path: string): boolean {
    if (path === '') return true;
    if (!this.#isDirectory(parentOf(path))) return false;
    const stats = this.#tree.lookup(path);
    return stats !== undefined && isDirectory(stats);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor);
    this.#file = undefined;
  }

  #real(path: string): Buffer {
    return Buffer.from(`${this.#tree.root}/${path}`, 'latin1');
  }

  /** The entry's path: its directory followed inside the root, its own name not. */
  #locate(name: string): string {
    if (name.length > longestPath) throw stepError(`the archive holds a path of ${name.length} bytes`);
    if (leadsOut(name)) throw stepError(`the archive holds the path ${quotePath(name)}, which leads out of it`);
    const components = cleanComponents(name);
    const last = components.pop();
    if (last === undefined) return '';
    const directory = resolve(this.#tree, components.join('/'), () => {
      throw stepError(`the archive holds the path ${quotePath(name)}, which a symbolic link leads out of it`);
    }).path;
    this.#makeDirectories(directory);
    return join(directory, last);
  }

  #makeDirectories(path: string): void {
    if (path === '') return;
    const stats = this.#tree.lookup(path);
    if (stats !== undefined) {
      if (isDirectory(stats)) return;
      throw stepError(`${shown(path)} is not a directory`);
    }
    this.#makeDirectories(parentOf(path));
    makeDirectory(this.#real(path), path, 0o755);
  }

  #entry(entry: TarEntry): void {
    const path = this.#locate(entry.name);
    const real = this.#real(path);
    const before = this.#tree.lookup(path);
    const merges = before !== undefined && isDirectory(before) && entry.type === 'directory';
    if (path === '' && !merges) throw stepError('the archive replaces the directory that it is unpacked into');
    // "." itself leaves the directory as it is.
    if (path === '') return;
    if (before !== undefined && !merges) {
      rmSync(real, {recursive: true, force: true});
      this.#hasReplaced ||= isDirectory(before);
    }
    switch (entry.type) {
      case 'directory':
        if (!merges) makeDirectory(real, path, 0o700);
        break;
      case 'file': {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        this.#file = {descriptor: openSync(real, flags, 0o600), entry, path, written: 0};
        return;
      }
      case 'symlink':
        symlinkSync(Buffer.from(entry.link, 'latin1'), real);
        break;
      case 'hardlink':
        this.#hardlink(real, entry);
        break;
      default: {
        const bits = {
          fifo: constants.S_IFIFO,
          'character-device': constants.S_IFCHR,
          'block-device': constants.S_IFBLK,
        };
        syscalls().makeNode(real, bits[entry.type] | 0o600, entry.major, entry.minor);
      }
    }
    this.#metadata(path, real, entry);
  }

  #hardlink(real: Buffer, entry: TarEntry): void {
    if (leadsOut(entry.link)) throw stepError(`the archive links to ${quotePath(entry.link)}, which leads out of it`);
    if (entry.link.length > longestPath) throw stepError(`the archive links to a path of ${entry.link.length} bytes`);
    const components = cleanComponents(entry.link);
    const last = components.pop() ?? '';
    const target = join(resolve(this.#tree, components.join('/')).path, last);
    const stats = this.#tree.lookup(target);
    if (stats === undefined || isDirectory(stats)) {
      throw stepError(`the archive links ${shown(entry.name)} to ${shown(target)}, which is no file in it`);
    }
    linkSync(this.#real(target), real);
  }

  #metadata(path: string, real: Buffer, entry: TarEntry): void {
    const {uid, gid} = this.#owner ?? entry;
    lchownSync(real, uid, gid);
    const isLink = lstatSync(real).isSymbolicLink();
    // The entry of a hard link decides the file's mode, as with Go's extractor.
    if (!isLink) chmodSync(real, entry.mode);
    this.#xattrs(path, entry);
    if (entry.type === 'directory') this.#times.push([path, entry.mtime]);
    else syscalls().setTimes(real, entry.mtime);
  }

  #xattrs(path: string, entry: TarEntry): void {
    for (const [name, value] of entry.xattrs) {
      if (!isOwnXattr(name)) continue;
      try {
        syscalls().setXattr(this.#real(path), name, value);
      } catch (error) {
        // What the file system does not take is left out, as every builder does.
        if (!(error instanceof BuildError)) throw error;
      }
    }
  }
}

/** More `..` than components before them. */
function leadsOut(name: string): boolean {
  let depth = 0;
  for (const part of name.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return true;
  }
  return false;
}
