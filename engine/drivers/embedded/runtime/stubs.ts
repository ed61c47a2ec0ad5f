import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {errnoOf, syscalls} from '../../../base/syscalls.js';
import {resolveInRoot} from './in-root.js';

/**
 * Notes which mount points of `targets` (paths in the container) are missing in the tree at `root`: the runtime makes them
 * as empty files and directories. The function returned removes those again after the step, where nothing was put into
 * them, and gives the directory above its times back, so that a layer shows nothing of it. As BuildKit does.
 */
export function watchStubs(root: string, targets: readonly string[]): () => void {
  const missing: string[] = [];
  for (const target of targets) {
    for (let path = resolveInRoot(root, target); path !== root && !exists(path); path = dirname(path)) {
      missing.push(relative(root, path));
    }
  }
  return missing.length === 0 ? () => undefined : () => removeStubs(root, missing);
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function removeStubs(root: string, missing: readonly string[]): void {
  const top = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const path of missing) removeStub(top, path);
  } finally {
    closeSync(top);
  }
}

/** Goes through a descriptor of the parent: the step may have put a symlink to the host's directories in its place. */
function removeStub(top: number, path: string): void {
  let parent: number;
  try {
    parent = syscalls().openInRoot(top, dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errnoOf(error) ?? '')) return;
    throw error;
  }
  try {
    const inside = join('/proc/self/fd', String(parent), path.slice(path.lastIndexOf('/') + 1));
    const stats = statsOf(inside);
    if (stats === undefined) return;
    const before = fstatSync(parent, {bigint: true});
    if (stats.isDirectory()) {
      if (readdirSync(inside).length > 0) return;
      rmdirSync(inside);
    } else {
      if (stats.size !== 0) return;
      unlinkSync(inside);
    }
    const second = 1_000_000_000n;
    syscalls().setFileTimes(parent, {
      seconds: Number(before.mtimeNs / second),
      nanoseconds: Number(before.mtimeNs % second),
    });
  } finally {
    closeSync(parent);
  }
}

function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}
