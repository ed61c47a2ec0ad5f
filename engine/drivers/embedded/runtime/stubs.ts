import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {BuildError, quote} from '../../../base/errors.js';
import {errnoOf, syscalls} from '../../../base/syscalls.js';
import {hostPathInRoot} from '../../../snapshot/in-root.js';
import {timestampOf} from '../../../snapshot/metadata.js';
import type {SpecMount} from './spec.js';

/** A mount point that was missing. */
interface Stub {
  /** Relative to the root. */
  readonly path: string;
  /** Modification time of the directory it is in, before it was made and after, in ns. */
  readonly before: bigint;
  readonly after: bigint;
}

/** These are mounts of the container themselves: what is in them is made there. */
const covered = /^(?:proc|dev|sys)(?:\/|$)/;

/**
 * Makes the mount points that are missing in the tree at `root`, empty. The function returned removes those again where the
 * step put nothing into them, and where nothing else changed in the directory above it gives that its time back: a
 * layer shows no trace of a mount. As BuildKit does, which leaves the time.
 */
export function makeStubs(root: string, mounts: readonly SpecMount[]): () => void {
  const stubs: Stub[] = [];
  for (const mount of mounts) {
    const point = hostPathInRoot(root, mount.destination);
    if (covered.test(relative(root, point)) || exists(point)) continue;
    const missing: string[] = [];
    let above = point;
    for (; above !== root && !exists(above); above = dirname(above)) missing.push(above);
    if (!statSync(above).isDirectory()) {
      throw new BuildError(
        'STEP_FAILED',
        `the mount target ${quote(mount.destination)} lies below a file of the image`,
        {
          remedy: 'Choose another target, or remove what is in its way in a step before.',
        },
      );
    }
    for (const path of missing.reverse()) {
      const before = modified(dirname(path));
      if (path === point && isFile(mount)) writeFileSync(path, '', {flag: 'wx', mode: 0o644});
      else mkdirSync(path, {mode: 0o755});
      stubs.push({path: relative(root, path), before, after: modified(dirname(path))});
    }
  }
  return stubs.length === 0 ? () => undefined : () => removeStubs(root, stubs.reverse());
}

const isFile = ({type, source}: SpecMount) => type === 'bind' && !statSync(source).isDirectory();
const modified = (path: string) => lstatSync(path, {bigint: true}).mtimeNs;

function exists(path: string): boolean {
  return statsOf(path) !== undefined;
}

function removeStubs(root: string, stubs: readonly Stub[]): void {
  const top = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const stub of stubs) removeStub(top, stub);
  } finally {
    closeSync(top);
  }
}

/** Goes through a descriptor of the parent: the step may have put a symlink to the host's directories in its place. */
function removeStub(top: number, {path, before, after}: Stub): void {
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
    const now = fstatSync(parent, {bigint: true}).mtimeNs;
    if (stats.isDirectory()) {
      if (readdirSync(inside).length > 0) return;
      rmdirSync(inside);
    } else {
      if (stats.size !== 0) return;
      unlinkSync(inside);
    }
    syscalls().setFileTimes(parent, timestampOf(now === after ? before : now));
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
