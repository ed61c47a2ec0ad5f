import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import {makeDirectories} from '../base/make-directories.js';

/** The error for what failed in the store: NO_SPACE where the disk is full, else IO. A BuildError stays as it is. */
export function storeFailure(what: string, path: string, error: unknown): BuildError {
  if (error instanceof BuildError) return error;
  if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new BuildError('NO_SPACE', `${what}: no space is left on the device`, {
      file: path,
      cause: error,
      remedy: 'Free some with `build-image prune --keep SIZE`, or keep the store elsewhere with --root.',
    });
  }
  const refused = hasErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EEXIST');
  return new BuildError('IO', `${what}: ${messageOf(error)}`, {
    file: path,
    cause: error,
    ...(refused && {remedy: 'Keep the store where you may write, with --root.'}),
  });
}

/** `action`, with the store's error for what it throws. */
export function attempt<T>(what: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw storeFailure(what, path, error);
  }
}

export function isMissing(error: unknown): boolean {
  return hasErrno(error, 'ENOENT', 'ENOTDIR');
}

/** Names in a directory; none where it is absent. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw storeFailure('cannot read the store', directory, error);
  }
}

export interface SmallFile {
  readonly text: string;
  readonly mtimeMs: number;
}

/** What `read` gives of an open file; undefined where there is none. */
function readOpened<T>(path: string, read: (descriptor: number) => T): T | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storeFailure('cannot read the store', path, error);
  }
  try {
    return read(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A file of at most `most` bytes; undefined where there is none, or none that can be such a file. `latin1`: its bytes. */
export function readSmall(path: string, most: number, encoding: 'utf8' | 'latin1' = 'utf8'): SmallFile | undefined {
  return readOpened(path, (descriptor) => {
    const found = fstatSync(descriptor);
    if (!found.isFile() || found.size > most) return undefined;
    return {text: readFileSync(descriptor, encoding), mtimeMs: found.mtimeMs};
  });
}

/** The last `most` bytes of a file to which lines of ASCII are appended; '' where there is none. */
export function readEnd(path: string, most: number): string {
  const text = readOpened(path, (descriptor) => {
    const {size} = fstatSync(descriptor);
    const end = Buffer.alloc(Math.min(size, most));
    return end.toString('latin1', 0, readSync(descriptor, end, 0, end.length, size - end.length));
  });
  return text ?? '';
}

/** Writes a small file whole or not at all. `temporary` is on the same file system. */
export function writeWhole(path: string, temporary: string, text: string, options: {readonly sync: boolean}): void {
  try {
    const descriptor = openSync(temporary, 'wx', 0o644);
    try {
      writeFileSync(descriptor, text);
      if (options.sync) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (error) {
    unlinkIfThere(temporary);
    throw storeFailure('cannot write to the store', path, error);
  }
}

/** False where there was none. */
export function unlinkIfThere(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw storeFailure('cannot remove from the store', path, error);
  }
}

/** Removes files of a directory until `most` are left, those that were written last. */
export function keepNewest(directory: string, most: number): void {
  const names = namesIn(directory);
  if (names.length <= most) return;
  const aged = names.map((name) => {
    const path = join(directory, name);
    return {path, written: statSync(path, {throwIfNoEntry: false})?.mtimeMs ?? 0};
  });
  aged.sort((a, b) => b.written - a.written);
  for (const {path} of aged.slice(most)) unlinkIfThere(path);
}

/** Idempotent. Only the owner may look into what is made here: a layer may hold set-user-id programs and secrets. */
export function makeDirectory(path: string): void {
  attempt('cannot make the store', path, () => makeDirectories(path, 0o700));
}

/** Hex digits, two for each byte, of which about six are random. To tell names apart, not to be hard to guess. */
export function randomName(bytes = 4): string {
  return Math.floor(Math.random() * 256 ** bytes)
    .toString(16)
    .padStart(bytes * 2, '0');
}

/** The object in a file's JSON; undefined for anything else: half-written, empty, of another version. */
export function parseVersioned(text: string, version: number): Readonly<Record<string, unknown>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  return fields['version'] === version ? fields : undefined;
}
