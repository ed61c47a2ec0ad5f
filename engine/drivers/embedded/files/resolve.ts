import {readlinkSync} from 'node:fs';
import {unreadable} from '../../../context/unreadable.js';
import {resolveInRoot, type RootedTree} from '../../../snapshot/in-root.js';
import {type FileStats, isDirectory, isLink} from './file-stats.js';
import {decodePath, systemPath} from './byte-path.js';

/** What `resolve` walks: a directory tree that may hide some of its paths. */
export interface Tree {
  /** Absolute, a byte string, without a final `/`. */
  readonly root: string;
  /** lstat of a path whose parents are directories; undefined where there is nothing (to be seen). */
  lookup(path: string): FileStats | undefined;
}

export interface Resolved {
  /** Without symlinks. */
  readonly path: string;
  /** Undefined where there is nothing at the end, or on the way. */
  readonly stats: FileStats | undefined;
}

/** `resolveInRoot` in such a tree. Throws STEP_FAILED for a loop of links. */
export function resolve(tree: Tree, path: string, onClimb?: () => void): Resolved {
  const rooted: RootedTree<FileStats> = {
    lookup: (at) => tree.lookup(at),
    kindOf: (stats) => (isDirectory(stats) ? 'directory' : isLink(stats) ? 'symlink' : 'other'),
    linkAt: (at) => targetOf(tree.root, at),
  };
  const {path: at, found} = resolveInRoot(rooted, path, onClimb === undefined ? {} : {onClimb});
  return {path: at, stats: found};
}

/**
 * Where the symbolic link `path` leads, a byte string.
 *
 * @throws CONTEXT_CHANGED where it is none any more.
 */
export function targetOf(root: string, path: string): string {
  try {
    return readlinkSync(systemPath(`${root}/${path}`), {encoding: 'latin1'});
  } catch (error) {
    throw unreadable(decodePath(path), error);
  }
}
