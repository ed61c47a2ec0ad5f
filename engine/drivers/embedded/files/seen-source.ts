import {type FileStats, isDirectory} from './file-stats.js';
import {isSettled, nowNs} from './settled.js';
import type {SourceTree} from './source-tree.js';

/** A tree that answers again what it answered before, and can say whether that still holds. */
export interface SeenSource extends SourceTree {
  /** To be called by who has read a file: what its digest is. */
  digested(path: string, digest: string): void;
  /** To be called by who compares a file itself when it is read: it is not looked at again. */
  compared(path: string): void;
  /** To be called by who has found a difference. */
  doubted(): void;
  /**
   * Looks again at everything that was looked at; `hash` gives the digest of what was written too lately for its times to tell.
   * False: something is not as it was, or may not be. Asked once: nothing is remembered after it.
   */
  isSame(hash: (path: string, stats: FileStats) => string): boolean;
}

/** Paths; those that come after are looked at each time, and `isSame` is false. */
const most = 25_000;

export function seenSource(tree: SourceTree): SeenSource {
  const began = nowNs();
  const found = new Map<string, FileStats | undefined>();
  const names = new Map<string, readonly string[]>();
  const unsettled = new Map<string, string>();
  let isWhole = true;
  const remember = <V>(map: Map<string, V>, path: string, value: V): V => {
    if (found.size < most) map.set(path, value);
    else isWhole = false;
    return value;
  };
  return {
    ...tree,
    lookup(path) {
      const known = found.get(path);
      return known !== undefined || found.has(path) ? known : remember(found, path, tree.lookup(path));
    },
    children: (path) => names.get(path) ?? remember(names, path, tree.children(path)),
    digested(path, digest) {
      const stats = found.get(path);
      if (stats !== undefined && !isSettled(stats, began)) unsettled.set(path, digest);
    },
    compared(path) {
      if (!unsettled.has(path)) found.delete(path);
    },
    doubted() {
      isWhole = false;
    },
    isSame(hash) {
      const isSame = isWhole && [...found].every(([path, stats]) => isAsSeen(path, stats, hash));
      isWhole = false;
      for (const map of [found, names, unsettled]) map.clear();
      return isSame;
    },
  };

  function isAsSeen(path: string, before: FileStats | undefined, hash: Parameters<SeenSource['isSame']>[0]): boolean {
    const now = tree.lookup(path);
    if (before === undefined || now === undefined) return before === now;
    if (!isStillSame(before, now)) return false;
    if (isSettled(before, began)) return true;
    if (isDirectory(now)) {
      const list = names.get(path);
      return list === undefined || list.join('/') === tree.children(path).join('/');
    }
    // What was looked at and not read does not count.
    const digest = unsettled.get(path);
    return digest === undefined || hash(path, now) === digest;
  }
}

/** A write, another mode or owner, and another name move the time of change. */
const isStillSame = (before: FileStats, now: FileStats): boolean =>
  before.ctimeNs === now.ctimeNs && before.ino === now.ino && before.size === now.size;
