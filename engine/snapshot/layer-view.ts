import {lstatSync, readdirSync, readlinkSync, type Stats} from 'node:fs';
import {hasErrno} from '../base/errors.js';
import {syscalls} from '../base/syscalls.js';
import {resolveInRoot, type RootedTree} from './in-root.js';
import {byteString, bytesOf} from './tar-entry.js';

/** `trusted.overlay.` for root, `user.overlay.` in a user namespace (mounted with `userxattr`). */
export type OverlayPrefix = 'trusted.overlay.' | 'user.overlay.';

/** Where a path of the merged tree is on disk. */
export interface Located {
  /** Absolute, a byte string. */
  readonly real: string;
  readonly stats: Stats;
}

/** How the kernel marks a deleted name in an upper directory (overlayfs documentation, "whiteouts and opaque directories"). */
export function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}

export function isOpaque(real: string, prefix: OverlayPrefix): boolean {
  return syscalls().getXattr(bytesOf(real), `${prefix}opaque`)?.toString() === 'y';
}

/** Undefined where there is nothing, where a part of the path is no directory, or longer than a name can be. */
export function lstatOf(real: string): Stats | undefined {
  try {
    return lstatSync(bytesOf(real), {throwIfNoEntry: false});
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

/** Components of a path as a tar or a Dockerfile has it; `..` is taken lexically and never leads above the root. */
export function cleanComponents(path: string): string[] {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') out.pop();
    else out.push(part);
  }
  return out;
}

/**
 * The tree that an overlay of `directories` (topmost first) would show, without mounting it; also of one plain root
 * directory. Read-only: it remembers which directories there are. Paths are byte strings relative to the root; '' is the root.
 */
export class LayerView implements RootedTree<Located> {
  readonly #directories: readonly string[];
  readonly #prefix: OverlayPrefix;
  readonly #isOverlay: boolean;
  /** Real directories that make up a merged one, topmost first. */
  readonly #merged = new Map<string, readonly string[]>();

  /** `isOverlay`: device nodes 0:0 are whiteouts. Of one directory alone they are not, unless it is said. */
  constructor(
    directories: readonly (string | Buffer)[],
    prefix: OverlayPrefix = 'trusted.overlay.',
    isOverlay = directories.length > 1,
  ) {
    this.#directories = directories.map(byteString);
    this.#prefix = prefix;
    this.#isOverlay = isOverlay;
  }

  /** What is at a path whose parents are directories, not symlinks. The last component is not followed. */
  lookup(path: string): Located | undefined {
    if (path === '') {
      const [top] = this.#directories;
      const stats = top === undefined ? undefined : lstatOf(top);
      return top === undefined || stats === undefined ? undefined : {real: top, stats};
    }
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    for (const directory of this.#directoriesOf(slash === -1 ? '' : path.slice(0, slash))) {
      const real = `${directory}/${name}`;
      const stats = lstatOf(real);
      if (stats !== undefined) return isWhiteout(stats) && this.#isOverlay ? undefined : {real, stats};
    }
    return undefined;
  }

  /** Names in a merged directory, in byte order. Empty where it is none. */
  children(path: string): readonly string[] {
    const seen = new Set<string>();
    const names: string[] = [];
    for (const directory of this.#directoriesOf(path)) {
      for (const name of readdirSync(bytesOf(directory), {encoding: 'latin1'})) {
        if (seen.has(name)) continue;
        seen.add(name);
        const stats = lstatOf(`${directory}/${name}`);
        if (stats !== undefined && !(isWhiteout(stats) && this.#isOverlay)) names.push(name);
      }
    }
    return names.sort();
  }

  /**
   * The path that `path` comes to when every symlink is followed with the root as `/` (the last one only with `follow`),
   * and what is there. Never outside. `located` is undefined where nothing is at the end or on the way; `path` then says
   * where it would be. Throws BuildError NOT_FOUND for a loop of links.
   */
  resolve(path: string, follow: boolean): {readonly path: string; readonly located: Located | undefined} {
    const {path: at, found} = resolveInRoot(this, path, {follow, code: 'NOT_FOUND'});
    return {path: at, located: found};
  }

  kindOf({stats}: Located): 'directory' | 'symlink' | 'other' {
    return stats.isDirectory() ? 'directory' : stats.isSymbolicLink() ? 'symlink' : 'other';
  }

  linkAt(_: string, {real}: Located): string {
    return readlinkSync(bytesOf(real), {encoding: 'latin1'});
  }

  #directoriesOf(path: string): readonly string[] {
    if (path === '') return this.#directories;
    const known = this.#merged.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const name = path.slice(slash + 1);
    const found: string[] = [];
    for (const directory of this.#directoriesOf(slash === -1 ? '' : path.slice(0, slash))) {
      const real = `${directory}/${name}`;
      const stats = lstatOf(real);
      if (stats === undefined) continue;
      if (!stats.isDirectory()) break;
      // Asked only where it decides: the question needs the native module.
      const above = found.at(-1);
      if (above !== undefined && isOpaque(above, this.#prefix)) break;
      found.push(real);
    }
    this.#merged.set(path, found);
    return found;
  }
}
