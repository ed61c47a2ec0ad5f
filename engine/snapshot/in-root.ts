import {lstatSync, readlinkSync, type Stats, statSync} from 'node:fs';
import {BuildError, type ErrorCode, hasErrno, quote} from '../base/errors.js';
import {byteString, bytesOf, display} from './tar-entry.js';

/** A tree whose paths are asked one by one; paths are byte strings relative to its root, which is ''. */
export interface RootedTree<Found> {
  /** What is at a path whose parents are directories; undefined where there is nothing (to be seen). */
  lookup(path: string): Found | undefined;
  kindOf(found: Found): 'directory' | 'symlink' | 'other';
  /** Target of the symlink that was found at `path`, a byte string. */
  linkAt(path: string, found: Found): string;
}

export interface ResolveOptions {
  /** False: where the path itself is a symlink, it ends there. */
  readonly follow?: boolean;
  /** Told where `..` would leave the root, and may throw. */
  readonly onClimb?: () => void;
  /** Of the error for a loop of links; STEP_FAILED unless said. */
  readonly code?: ErrorCode;
}

export interface Resolved<Found> {
  /** Without symlinks, but for the last component where it is not followed. */
  readonly path: string;
  /** Undefined where there is nothing at the end, or on the way. */
  readonly found: Found | undefined;
}

/** As many as other builders follow; the kernel gives up at 40. */
const mostLinks = 255;

/**
 * Where `path` leads with the tree's root as `/`: component by component, every symlink followed, `..` never above the root.
 * What is not there, or lies behind a file, is taken as it is written. The tree must not change meanwhile. Throws BuildError
 * for a loop of links.
 */
export function resolveInRoot<Found>(
  tree: RootedTree<Found>,
  path: string,
  {follow = true, onClimb, code = 'STEP_FAILED'}: ResolveOptions = {},
): Resolved<Found> {
  const todo = path.split('/').reverse();
  let at = '';
  let found = tree.lookup('');
  for (let links = 0, part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at === '') onClimb?.();
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      found = tree.lookup(at);
      continue;
    }
    const below = at === '' ? part : `${at}/${part}`;
    const next = found !== undefined && tree.kindOf(found) === 'directory' ? tree.lookup(below) : undefined;
    const isLink = next !== undefined && tree.kindOf(next) === 'symlink';
    if (isLink && (follow || todo.some((rest) => rest !== '' && rest !== '.'))) {
      if (++links > mostLinks) {
        throw new BuildError(
          code,
          `${quote(display(`/${path.replace(/^\/+/, '')}`))} leads through too many symbolic links`,
          {
            remedy: 'A symbolic link there leads to itself: remove it or use another path.',
          },
        );
      }
      const target = tree.linkAt(below, next);
      if (target.startsWith('/')) at = '';
      found = tree.lookup(at);
      todo.push(...target.split('/').reverse());
      continue;
    }
    at = below;
    found = next;
  }
  return {path: at, found};
}

/**
 * The host's path of `path` in a container whose `/` is the directory `root`. Only for a tree that nobody else changes
 * meanwhile: elsewhere `openInRoot` of base/syscalls.
 */
export function hostPathInRoot(root: string, path: string): string {
  const real = (at: string) => bytesOf(`${byteString(root)}/${at}`);
  const tree: RootedTree<Stats> = {
    lookup: (at) => {
      try {
        return lstatSync(real(at), {throwIfNoEntry: false});
      } catch (error) {
        if (hasErrno(error, 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
        throw error;
      }
    },
    kindOf: (stats) => (stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'other'),
    linkAt: (at) => readlinkSync(real(at), {encoding: 'latin1'}),
  };
  const at = display(resolveInRoot(tree, byteString(path)).path);
  return at === '' ? root : `${root}/${at}`;
}

/** What is at a path that `hostPathInRoot` gave; undefined where nothing is, or where a file is on the way. */
export function statInRoot(path: string): Stats | undefined {
  try {
    return statSync(path, {throwIfNoEntry: false});
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}
