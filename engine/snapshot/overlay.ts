import {chmodSync, lchownSync, lstatSync, statfsSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {makeDirectories} from '../base/make-directories.js';
import {BuildError} from '../base/errors.js';
import {errnoOf, mountFlags, syscalls, unmountFlags} from '../base/syscalls.js';
import {timestampOf} from './metadata.js';

/** What the kernel takes (OVL_MAX_STACK). */
export const mostLowers = 500;

export interface OverlayMount {
  /** Where the merged tree appears: an existing directory. */
  readonly target: string;
  /** Snapshots, topmost first; at least one. */
  readonly lowers: readonly string[];
  /** Both or neither: without, the mount is read-only. */
  readonly upper?: string;
  readonly work?: string;
  /** In a user namespace (Linux 5.11). */
  readonly userXattrs?: boolean;
}

/**
 * Mounts an overlay. `volatile`: nothing is flushed to disk, neither at fsync in a step nor at unmount, so the upper directory
 * is to be trusted only until the machine crashes. Throws BuildError KERNEL_REFUSED, UNSUPPORTED or IO.
 */
export function mountOverlay(mount: OverlayMount): void {
  const {lowers, upper, work} = mount;
  if (lowers.length > mostLowers) {
    throw new BuildError(
      'UNSUPPORTED',
      `the image has ${lowers.length} layers; the kernel stacks ${mostLowers} at most`,
      {
        remedy: 'Join RUN and COPY instructions, or begin a new stage and copy the files.',
      },
    );
  }
  const writable = upper !== undefined && work !== undefined;
  // A read-only overlay needs two directories: one is enough twice only where it is another path.
  const stack = writable || lowers.length > 1 ? lowers : [...lowers, stubDirectory(lowers[0] ?? '')];
  const options: (readonly [string, string | undefined])[] = [
    ...stack.map((lower) => ['lowerdir+', lower] as const),
    ...(writable
      ? ([
          ['upperdir', escapeUpper(upper)],
          ['workdir', escapeUpper(work)],
          ['volatile', undefined],
        ] as const)
      : []),
    // The kernel's defaults vary between distributions, and these features leave more than plain files in an upper directory.
    // Not `off`: it may still follow redirects, which cannot be combined with `userxattr`.
    ['redirect_dir', 'nofollow'],
    ['metacopy', 'off'],
    ['index', 'off'],
    ...(mount.userXattrs === true ? ([['userxattr', undefined]] as const) : []),
  ];
  try {
    syscalls().mountOverlay(mount.target, options, writable ? 0 : mountFlags.readOnly);
  } catch (error) {
    // `lowerdir+` is of Linux 6.5; before, all lower directories are one string of a page at most.
    if (!['EINVAL', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error;
    try {
      mountByString(mount, stack, error);
    } catch (second) {
      throw refusal(mount, second);
    }
  }
}

/** File systems that cannot hold an upper directory, by their numbers (statfs(2)). */
const unfit = new Map([
  [0x794c7630, 'overlay'],
  [0x65735546, 'FUSE'],
  [0x6969, 'NFS'],
  [0x01021997, '9p'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x4d44, 'FAT'],
  [0x2011bab0, 'exFAT'],
  [0x786f4256, 'vboxsf'],
]);

/** The kernel says why only in its log. */
function refusal({upper}: OverlayMount, error: unknown): unknown {
  if (upper === undefined || errnoOf(error) !== 'EINVAL') return error;
  const kind = unfit.get(statfsSync(upper).type);
  if (kind === undefined) return error;
  const store = dirname(dirname(dirname(upper)));
  return new BuildError(
    'KERNEL_REFUSED',
    `the store ${store} is on ${kind}, where no writable overlay can be mounted`,
    {
      remedy: 'Keep it on ext4, xfs, btrfs or tmpfs, with --root; in a container, on a volume.',
      cause: error,
    },
  );
}

/** As `upperdir` and `workdir` are given by fsconfig(2): the kernel takes backslashes out of these two, and of no lower. */
const escapeUpper = (path: string): string => path.replaceAll('\\', '\\\\');

function mountByString(mount: OverlayMount, stack: readonly string[], cause: unknown): void {
  const escape = (path: string) => path.replace(/[\\:,]/g, '\\$&');
  const {upper, work} = mount;
  const writable = upper !== undefined && work !== undefined;
  const options = [
    `lowerdir=${stack.map(escape).join(':')}`,
    ...(writable ? [`upperdir=${escape(upper)}`, `workdir=${escape(work)}`, 'volatile'] : []),
    'redirect_dir=nofollow,metacopy=off,index=off',
    ...(mount.userXattrs === true ? ['userxattr'] : []),
  ].join(',');
  if (Buffer.byteLength(options) >= 4096) {
    throw new BuildError('KERNEL_REFUSED', `the kernel cannot stack ${stack.length} layers`, {
      cause,
      remedy: 'Linux 6.5 or newer has no such limit; or choose a shorter path for the store with --root.',
    });
  }
  syscalls().mount('overlay', mount.target, 'overlay', writable ? 0 : mountFlags.readOnly, options);
}

function stubDirectory(lower: string): string {
  const stub = join(lower, '..', 'empty');
  makeDirectories(stub, 0o755);
  return stub;
}

/** Unmounts; where a process still uses the tree, it disappears as soon as that ends. Idempotent. */
export function unmountOverlay(target: string): void {
  try {
    syscalls().unmount(target, unmountFlags.noFollow);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EINVAL' || errno === 'ENOENT') return;
    if (errno !== 'EBUSY') throw error;
    syscalls().unmount(target, unmountFlags.detach | unmountFlags.noFollow);
  }
}

/** Gives an upper directory the mode, owner and time of the root below, which its own would hide. */
export function adoptRoot(upper: string, lower: string): void {
  const {mode, uid, gid, mtimeNs} = lstatSync(lower, {bigint: true});
  lchownSync(upper, Number(uid), Number(gid));
  chmodSync(upper, Number(mode & 0o7777n));
  syscalls().setTimes(upper, timestampOf(mtimeNs));
}
