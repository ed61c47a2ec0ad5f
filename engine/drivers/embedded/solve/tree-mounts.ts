import {rmdirSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import {mountOverlay, unmountOverlay} from '../../../snapshot/overlay.js';
import {snapshotFs} from '../../../store/snapshots.js';
import {newMountPoint, type Store} from '../../../store/store.js';
import {type ContextMounts, createContextMounts} from './context-mounts.js';
import type {Tree} from './tree.js';

/** Trees as directories, read-only, until `close`. */
export interface TreeMounts {
  readonly mount: (tree: Tree) => Promise<string>;
  /** Directories of a chain of snapshots, topmost first; an empty one where there is none. */
  readonly lowers: (chain: readonly string[]) => readonly string[];
  readonly contexts: Pick<ContextMounts, 'mount'>;
  /** A directory to mount the tree of a step on. */
  readonly takePoint: () => string;
  /** Unmounts what is on it. */
  readonly returnPoint: (point: string) => void;
  /** Unmounts everything. Idempotent. */
  readonly close: () => void;
}

export function createTreeMounts(store: Store, rootless: boolean): TreeMounts {
  const mounted = new Map<string, Promise<string>>();
  const targets: string[] = [];
  /** Used again: a directory costs as much as a mount. */
  const points: string[] = [];
  const contexts = createContextMounts(store);

  function lowers(chain: readonly string[]): readonly string[] {
    if (chain.length > 0) return [...chain].reverse().map((id) => snapshotFs(store, id));
    const empty = join(store.root, 'empty');
    makeDirectories(empty, 0o755);
    return [empty];
  }

  async function mountNow(tree: Tree): Promise<string> {
    const directories = lowers(await tree.chain());
    // One directory is the tree itself: a bottom layer has nothing to delete, and so no marks of an overlay.
    if (directories.length === 1) return directories[0] ?? '';
    const target = newMountPoint(store);
    targets.push(target);
    mountOverlay({target, lowers: directories, userXattrs: rootless});
    return target;
  }

  return {
    lowers,
    contexts,
    mount(tree) {
      const found = mounted.get(tree.key) ?? mountNow(tree);
      mounted.set(tree.key, found);
      return found;
    },
    takePoint: () => points.pop() ?? newMountPoint(store),
    returnPoint(point) {
      unmountOverlay(point);
      points.push(point);
    },
    close() {
      contexts.close();
      for (const point of points.splice(0)) releaseMountPoint(point);
      for (const target of targets.splice(0).reverse()) releaseMountPoint(target);
    },
  };
}

/** Unmounts, and removes the directory of `newMountPoint`. Idempotent. */
export function releaseMountPoint(target: string): void {
  unmountOverlay(target);
  try {
    rmdirSync(target);
  } catch {
    // It is an empty directory that nothing depends on, and a later run removes it.
  }
}
