import {chmodSync, lchownSync, lstatSync, mkdirSync, readdirSync, unlinkSync} from 'node:fs';
import {BuildError} from '../../../base/errors.js';
import {errnoOf, syscalls, type Timestamp} from '../../../base/syscalls.js';
import {isDirectory} from './file-stats.js';
import {cleanComponents, parentOf, shown, stepError, systemPath} from './byte-path.js';
import type {Owner} from './owner.js';
import {resolve, type Resolved, type Tree} from './resolve.js';

/** What directories get that are made on the way to a destination. */
export interface Making {
  /** Permissions of a directory that is made. */
  readonly mode: number;
  /** Undefined: that of whoever builds. */
  readonly owner: Owner | undefined;
  /** Undefined: the time at which it is made. */
  readonly time: Timestamp | undefined;
}

/** Where a step writes: paths of the root, already without symlinks (see `resolve`). */
export interface Destination {
  readonly tree: Tree;
  /** Absolute, as the system takes it. */
  real(path: string): string | Buffer;
  /** Makes the directory and its missing parents; one that is there stays as it is. Throws STEP_FAILED. */
  makeDirectories(path: string, making: Making): void;
  /**
   * Clears the way for something that is no directory: a file or symlink at `path` is removed. Throws STEP_FAILED where a
   * directory is.
   */
  clear(path: string): void;
  /** Whether a directory is empty: then no target in it has to be looked for. */
  isEmpty(path: string): boolean;
}

/** A destination of an instruction: `path` as written, followed in the root. */
export const locate = (destination: Destination, path: string): Resolved =>
  resolve(destination.tree, cleanComponents(path).join('/'));

export function openDestination(tree: Tree): Destination {
  const real = (path: string) => systemPath(`${tree.root}/${path}`);
  const makeDirectories = (path: string, making: Making): void => {
    if (path === '') return;
    const stats = tree.lookup(path);
    if (stats !== undefined) {
      if (isDirectory(stats)) return;
      throw stepError(
        `${shown(path)} is not a directory`,
        'Copy to another destination, or remove what is there in a step before.',
      );
    }
    makeDirectories(parentOf(path), making);
    makeDirectory(real(path), path, making.mode);
    if (making.owner !== undefined) lchownSync(real(path), making.owner.uid, making.owner.gid);
    if (making.time !== undefined) syscalls().setTimes(real(path), making.time);
  };
  return {
    tree,
    real,
    makeDirectories,
    clear(path) {
      const stats = tree.lookup(path);
      if (stats === undefined) return;
      if (isDirectory(stats)) {
        throw stepError(
          `${shown(path)} is a directory, and cannot be replaced by a file`,
          'Copy to another name, or remove the directory in a step before.',
        );
      }
      unlinkSync(real(path));
    },
    isEmpty: (path) => readdirSync(real(path)).length === 0,
  };
}

/** mkdir(2) with exactly these permissions whatever the umask; a setgid parent hands its bit on. */
export function makeDirectory(real: string | Buffer, path: string, mode: number): void {
  try {
    mkdirSync(real, 0o700);
  } catch (error) {
    throw ioError(`cannot make the directory ${shown(path)}`, error);
  }
  chmodSync(real, mode | (lstatSync(real).mode & 0o2000));
}

/** The step's error for what the system refused; a full disk keeps its own code. */
export function ioError(what: string, cause: unknown): Error {
  const errno = errnoOf(cause);
  if (errno === undefined) return cause instanceof Error ? cause : new Error(what, {cause});
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new BuildError('NO_SPACE', `${what}: no space left on the device`, {
      cause,
      remedy: 'Free space below the store (build-image prune), or point --root to a larger disk.',
    });
  }
  return stepError(`${what}: ${errno}`, undefined, cause);
}
