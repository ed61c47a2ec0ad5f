import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';
import {BuildError} from '../../base/errors.js';
import {errnoOf, syscalls} from '../../base/syscalls.js';

/** The files come from an image, and larger ones are refused. Bytes. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Lines of `/etc/passwd` or `/etc/group` in the tree at `root`, each as its fields between colons; none where there is no such
 * file. Symlinks are followed inside the root only, and only a regular file is read: a pipe would wait for ever. Throws
 * STEP_FAILED for one of more than 4 MiB.
 */
export function accountLines(root: string | Buffer, file: 'passwd' | 'group'): Iterable<readonly string[]> {
  return linesOf(accountText(root, file));
}

/** The same as one text, '' where there is no such file. */
export const accountText = (root: string | Buffer, file: 'passwd' | 'group'): string =>
  readBounded(root, `/etc/${file}`);

/** Lines one at a time, for a file of nothing but line ends must not become millions of lists. */
export function* linesOf(text: string): Generator<readonly string[], void, undefined> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end === -1 ? text.length : end).trim();
    at = end === -1 ? text.length : end + 1;
    if (line !== '') yield line.split(':');
  }
}

/** A number as these files and `USER` have it; undefined for anything else. */
export const decimal = (text: string): number | undefined => (/^[+-]?\d{1,18}$/.test(text) ? Number(text) : undefined);

function readBounded(root: string | Buffer, path: string): string {
  const top = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  let descriptor: number;
  try {
    descriptor = syscalls().openInRoot(top, path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'ENODEV'].includes(errnoOf(error) ?? '')) return '';
    throw new BuildError('STEP_FAILED', `cannot read ${path} of the image`, {cause: error});
  } finally {
    closeSync(top);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) return '';
    if (stats.size > mostBytes) {
      throw new BuildError('STEP_FAILED', `${path} of the image is larger than ${mostBytes} bytes`, {
        remedy: 'Give numbers (uid:gid) instead of names: the file is then not needed.',
      });
    }
    const bytes = Buffer.alloc(stats.size);
    return bytes.toString('utf8', 0, readSync(descriptor, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(descriptor);
  }
}
