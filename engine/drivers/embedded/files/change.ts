import {rmdirSync, unlinkSync} from 'node:fs';
import {hasErrno} from '../../../base/errors.js';
import {syscalls} from '../../../base/syscalls.js';
import {LayerView, type OverlayPrefix} from '../../../snapshot/layer-view.js';
import {isOwnXattr, timestampOf} from '../../../snapshot/metadata.js';
import {type FileStats, isDirectory} from './file-stats.js';
import {parentOf, systemPath} from './byte-path.js';
import {type Copied, type CopiedBy, copiedOf, readCopied} from './copied-list.js';
import {NotAChange} from './not-a-change.js';
import type {CopyReuse, PathTime} from './reuse.js';

export interface CopyChangePlaces {
  /** The overlay whose topmost lower directory is what the step left before; an absolute byte string. */
  readonly root: string;
  /** What the earlier run wrote down. */
  readonly list: string;
  readonly by: CopiedBy;
  /** Directories of what the step starts from, topmost first. */
  readonly below: readonly string[];
  readonly prefix: OverlayPrefix;
}

/** Below this many paths, writing all of them is as quick. */
const leastPaths = 200;
/** The part of the paths that may change: what the earlier result has and this one hides takes space as long as this one stays. */
const mostChanged = 0.25;

/**
 * Writes over the earlier result of the same step, in an overlay, only what differs: a path that the source changed, one that
 * it got, and, at the end, the deletion of what it lost. Throws NotAChange, at once or later, where that would not give what a whole
 * run gives, or where it is not worth it.
 */
export function createCopyChange({root, list, by, below, prefix}: CopyChangePlaces): CopyReuse {
  const known = readCopied(list, by);
  if (known.size < leastPaths) throw new NotAChange('little or nothing is known of the earlier run');
  const view = new LayerView(below, prefix, true);
  const seen = new Set<string>();
  /** Directories of the source, by where they go. */
  const directories = new Map<string, FileStats>();
  const touched = new Set<string>();
  let changes = 0;
  const count = (): void => {
    if (++changes > known.size * mostChanged) throw new NotAChange('too much changed');
  };
  const isBelow = (target: string): boolean => view.lookup(target) !== undefined;
  const remove = (target: string, {type}: Copied): void => {
    count();
    // What the earlier run hid there would have to be seen again.
    if (isBelow(target)) throw new NotAChange('a path below would be deleted');
    touched.add(parentOf(target));
    const real = systemPath(`${root}/${target}`);
    try {
      if (type === 'directory') rmdirSync(real);
      else unlinkSync(real);
    } catch (error) {
      // A socket is not copied.
      if (!hasErrno(error, 'ENOENT')) throw new NotAChange('what the earlier run left is not what it wrote down');
    }
  };
  const removeTree = (target: string): void => {
    const inside = [...known].filter(([path]) => path === target || path.startsWith(`${target}/`));
    for (const [path, copied] of inside.sort(backwards)) {
      remove(path, copied);
      seen.add(path);
    }
  };
  return {
    begins(stats) {
      // A file would go into the directory that the earlier run made.
      if (!isDirectory(stats)) throw new NotAChange('a directory became a file');
    },
    wants({target, stats, attributes, source, keepsTime}) {
      seen.add(target);
      const before = known.get(target);
      const now = copiedOf(attributes, stats);
      if (isDirectory(stats) && keepsTime) directories.set(target, stats);
      if (before?.type === now.type && before.identity !== '' && before.identity === now.identity) return false;
      count();
      touched.add(parentOf(target));
      if (before !== undefined && before.type !== now.type) removeTree(target);
      // Its other names would have to be links to the same copy.
      if (!isDirectory(stats) && stats.nlink > 1n) throw new NotAChange('a file has several names');
      if (isDirectory(stats) && before?.type === now.type) {
        const own = new Set(attributesOf(source));
        const extra = attributesOf(Buffer.from(`${root}/${target}`, 'latin1')).some((name) => !own.has(name));
        if (extra) throw new NotAChange('a directory lost an attribute');
      }
      return true;
    },
    take: () => undefined,
    complete(times) {
      for (const [path, copied] of [...known].filter(([path]) => !seen.has(path)).sort(backwards)) {
        remove(path, copied);
      }
      const set = new Set(times.map(({path}) => path));
      const restored = [...touched].flatMap((path): readonly PathTime[] => {
        const stats = set.has(path) ? undefined : directories.get(path);
        return stats === undefined ? [] : [{path, time: timestampOf(stats.mtimeNs)}];
      });
      return [...times, ...restored];
    },
    finish: () => Promise.resolve(true),
  };
}

/** What is in a directory before the directory. */
const backwards = ([a]: readonly [string, Copied], [b]: readonly [string, Copied]): number => (a < b ? 1 : -1);

const attributesOf = (path: Buffer): readonly string[] => syscalls().listXattrs(path).filter(isOwnXattr);
