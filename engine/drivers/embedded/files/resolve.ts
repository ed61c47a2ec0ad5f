import {readlinkSync, type BigIntStats} from 'node:fs';
import {stepError, join, parentOf, shown, systemPath} from './byte-path.js';

/** What `resolve` walks: a directory tree that may hide some of its paths. */
export interface Tree {
  /** Absolute, a byte string, without a final `/`. */
  readonly root: string;
  /** lstat of a path whose parents are directories; undefined where there is nothing (to be seen). */
  lookup(path: string): BigIntStats | undefined;
}

export interface Resolved {
  /** Without symlinks. */
  readonly path: string;
  /** Undefined where there is nothing at the end, or on the way. */
  readonly stats: BigIntStats | undefined;
}

const mostLinks = 255;
const formatBits = 0o170000n;

export const isDirectory = (stats: BigIntStats): boolean => (stats.mode & formatBits) === 0o040000n;
export const isLink = (stats: BigIntStats): boolean => (stats.mode & formatBits) === 0o120000n;
export const isFile = (stats: BigIntStats): boolean => (stats.mode & formatBits) === 0o100000n;

/**
 * Where `path` leads with the tree's root as `/`, every symlink followed, the last one too; never out of the root. What is not
 * there is taken as it is written. `onClimb` is told where `..` would leave the root, and may throw. Throws STEP_FAILED for a loop of links.
 */
export function resolve(tree: Tree, path: string, onClimb: () => void = () => undefined): Resolved {
  const todo = path.split('/').reverse();
  let at = '';
  let stats = tree.lookup('');
  for (let links = 0, part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at === '') onClimb();
      at = parentOf(at);
      stats = tree.lookup(at);
      continue;
    }
    // Behind what is missing or no directory nothing is; the path goes on by its text.
    const next = stats !== undefined && isDirectory(stats) ? tree.lookup(join(at, part)) : undefined;
    if (next !== undefined && isLink(next)) {
      if (++links > mostLinks) throw stepError(`${shown(path)} leads through too many symbolic links`);
      const target = readlinkSync(systemPath(`${tree.root}/${join(at, part)}`), {encoding: 'latin1'});
      if (target.startsWith('/')) at = '';
      stats = tree.lookup(at);
      todo.push(...target.split('/').reverse());
      continue;
    }
    at = join(at, part);
    stats = next;
  }
  return {path: at, stats};
}
