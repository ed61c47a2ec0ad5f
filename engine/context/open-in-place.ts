import {closeSync, constants, openSync, readlinkSync, realpathSync} from 'node:fs';
import {systemPath} from './raw-path.js';

/** Neither through a link nor waiting for a writer: what was a file may have become a link or a FIFO. */
export const plainly = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Opens a file that was found at `path` (a byte string: absolute, without symlinks) in a directory that others write to. Throws
 * ELOOP where it, or meanwhile a directory above it, is a symbolic link: what lies elsewhere is not read.
 */
export function openInPlace(path: string): number {
  const file = openSync(systemPath(path), plainly);
  if (isInPlace(file, path)) return file;
  closeSync(file);
  throw Object.assign(new Error('a directory above it became a symbolic link'), {code: 'ELOOP'});
}

/** The same for a tree that may be one of those: in any other a plain open does. */
export const openSourceFile = (path: string, shared: boolean): number =>
  shared ? openInPlace(path) : openSync(systemPath(path), plainly);

/** Whether the open file lies at `path` itself. The kernel knows where it was opened; asking costs 2 µs. */
export function isInPlace(file: number, path: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${file}`, {encoding: 'latin1'}) === path;
  } catch {
    // Without /proc nobody can tell.
    return true;
  }
}

/** The directory itself behind symlinks, a byte string without a final slash; as it is where it cannot be told. */
export function realRoot(root: string): string {
  try {
    const real = realpathSync.native(root, 'buffer').toString('latin1');
    return real === '/' ? '' : real;
  } catch {
    return Buffer.from(root.replace(/\/+$/, '')).toString('latin1');
  }
}
