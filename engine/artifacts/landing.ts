import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {constants, lstat, mkdir, open, readdir, realpath, rename, rm, type FileHandle} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {BuildError, hasErrno, messageOf, quote} from '../base/errors.js';
import {makeDirectories} from '../base/make-directories.js';
import {formatOwner, lifeOf, parseOwner, thisOwner} from '../store/owner.js';

let serial = 0;

/** A file that is complete, but does not have its name yet. */
export interface LandedFile {
  readonly temporary: string;
  readonly sha256: string;
  readonly size: number;
}

/** Writes files into one directory and nowhere else, each beside its place first. */
export interface Landing {
  /** Throws BuildError NO_SPACE, IO, or the signal's reason. */
  write(name: string, content: AsyncIterable<Uint8Array>): Promise<LandedFile>;
  /** A second file with the content of one that was written. */
  copy(name: string, file: LandedFile): Promise<LandedFile>;
  /** Gives the file its name below the directory. False: the same content was there, and stays untouched. */
  place(file: LandedFile, relative: string): Promise<boolean>;
  /** Removes what has not been placed. Idempotent. */
  discard(): Promise<void>;
}

/** Makes the directory, and removes what a run that was killed left in it. */
export async function createLanding(directory: string, signal: AbortSignal): Promise<Landing> {
  signal.throwIfAborted();
  const root = await attempt(directory, async () => {
    makeDirectories(directory);
    return realpath(directory);
  });
  await removeLeftovers(root);
  const temporaries = new Set<string>();

  const write = async (name: string, content: AsyncIterable<Uint8Array>): Promise<LandedFile> => {
    const temporary = join(root, `${shortened(name)}.tmp-${formatOwner(thisOwner())}-${++serial}`);
    const hash = createHash('sha256');
    let size = 0;
    temporaries.add(temporary);
    // `wx`: never through a link that waits there.
    const file = await attempt(directory, () => open(temporary, 'wx', 0o666));
    try {
      for await (const piece of content) {
        signal.throwIfAborted();
        hash.update(piece);
        size += piece.length;
        await attempt(directory, () => writeAll(file, piece));
      }
      await attempt(directory, () => file.sync());
    } finally {
      await file.close();
    }
    return {temporary, sha256: hash.digest('hex'), size};
  };

  return {
    write,
    copy: (name, file) => write(name, createReadStream(file.temporary)),
    async place(file, relative) {
      signal.throwIfAborted();
      const target = await placeFor(root, relative);
      if (await holds(target, file, signal)) return false;
      await attempt(directory, () => rename(file.temporary, target));
      temporaries.delete(file.temporary);
      await syncDirectory(dirname(target));
      return true;
    },
    async discard() {
      for (const temporary of temporaries) await rm(temporary, {force: true});
      temporaries.clear();
    },
  };
}

/** Absolute place of a path below the directory; its parents are made. A link among them is not followed. */
async function placeFor(root: string, relative: string): Promise<string> {
  const parts = relative.split('/');
  const name = parts.pop() ?? '';
  if ([...parts, name].some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'))) {
    throw new BuildError('ARTIFACT_UNSAFE_PATH', `not a path below the artifacts directory: ${quote(relative)}`);
  }
  let parent = root;
  for (const part of parts) {
    parent = join(parent, part);
    await mkdir(parent).catch((error: unknown) => {
      if (!hasErrno(error, 'EEXIST')) throw new BuildError('IO', messageOf(error), {cause: error});
    });
    if (!(await lstat(parent)).isDirectory()) throw unsafe(parent, 'is no directory');
  }
  const target = join(parent, name);
  const there = await statOf(target);
  if (there?.isDirectory() === true) throw unsafe(target, 'is a directory');
  return target;
}

function unsafe(path: string, what: string): BuildError {
  return new BuildError('ARTIFACT_UNSAFE_PATH', `${path} ${what}: the artifact is not written there`, {
    remedy: 'Remove it, or name another directory with --artifacts-dir.',
  });
}

async function statOf(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether the same content is there as a file of its own, not through a link. */
async function holds(path: string, file: LandedFile, signal: AbortSignal): Promise<boolean> {
  const there = await statOf(path);
  if (there?.isFile() !== true || there.size !== file.size) return false;
  const hash = createHash('sha256');
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    await pipeline(handle.createReadStream(), hash, {signal});
  } catch {
    // What cannot be read is replaced.
    signal.throwIfAborted();
    return false;
  }
  return hash.digest('hex') === file.sha256;
}

async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) at += (await file.write(piece, at)).bytesWritten;
}

/** So that the names survive a power cut, not only the contents. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems cannot.
    if (!hasErrno(error, 'EINVAL', 'ENOTSUP', 'EPERM')) throw error;
  } finally {
    await handle.close();
  }
}

/** A name is at most 255 bytes long; what is put behind it must fit too. */
function shortened(name: string): string {
  let short = basename(name);
  while (Buffer.byteLength(short) > 200) short = Array.from(short).slice(0, -8).join('');
  return short;
}

async function removeLeftovers(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    const owner = parseOwner(/\.tmp-([\d.a-f]+)-\d+$/.exec(name)?.[1] ?? '');
    if (owner === undefined || lifeOf(owner) !== 'dead') continue;
    await rm(join(root, name), {force: true}).catch(() => undefined);
  }
}

async function attempt<T>(directory: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (hasErrno(error, 'ENOSPC', 'EDQUOT', 'EFBIG')) {
      throw new BuildError('NO_SPACE', `no space left in the artifacts directory ${directory}`, {
        cause: error,
        remedy: 'Free some space, or name another directory with --artifacts-dir. Nothing was left behind.',
      });
    }
    throw new BuildError('IO', `cannot write to the artifacts directory ${directory}: ${messageOf(error)}`, {
      cause: error,
      remedy: 'Make it writable, or name another directory with --artifacts-dir.',
    });
  }
}
