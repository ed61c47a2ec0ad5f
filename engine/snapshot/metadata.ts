import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import {BuildError, quote} from '../base/errors.js';
import {errnoOf, syscalls, type Timestamp} from '../base/syscalls.js';
import {bytesOf, display, type TarEntry} from './tar-entry.js';
import {tarInvalid} from './tar-header.js';

/** What the kernel's overlay keeps its own state in: never taken from outside, never put into a layer. */
export function isOverlayXattr(name: string): boolean {
  return name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.');
}

/** Labels of this machine, which mean nothing elsewhere. */
const hostXattrs = new Set(['security.selinux', 'security.ima', 'security.evm']);

/** Whether an attribute is the file's own, and none with which a build would steer the overlay or the machine. */
export const isOwnXattr = (name: string): boolean => !isOverlayXattr(name) && !hostXattrs.has(name);

/** Extended attributes that belong into a layer. `real` is a byte string. */
export function readXattrs(real: string, which: 'all' | 'capability' | 'none'): ReadonlyMap<string, Buffer> {
  const out = new Map<string, Buffer>();
  if (which === 'none') return out;
  const path = bytesOf(real);
  for (const name of syscalls().listXattrs(path)) {
    if (!isOwnXattr(name)) continue;
    if (which === 'capability' && name !== 'security.capability') continue;
    const value = syscalls().getXattr(path, name);
    if (value !== undefined) out.set(name, value);
  }
  return out;
}

/** Overlay attributes with which a layer could show files from elsewhere or hide what it does not name. */
const dangerous = /^(?:trusted|user)\.overlay\.(?:redirect|metacopy|opaque|whiteout|whiteouts)$/;

/**
 * Sets an entry's attributes on what was made of it; returns the names of those that cannot be had there. Throws
 * ARCHIVE_INVALID for attributes that steer an overlay.
 */
export function setXattrs(real: string, entry: TarEntry, unprivileged: boolean): readonly string[] {
  const skipped: string[] = [];
  for (const [name, value] of entry.xattrs) {
    if (dangerous.test(name)) throw tarInvalid(`the attribute ${name} is not accepted`, entry.name);
    // Other state of an overlay (origin, nlink, …) is another machine's.
    if (isOverlayXattr(name)) continue;
    try {
      syscalls().setXattr(bytesOf(real), name, value);
    } catch (error) {
      const errno = errnoOf(error);
      const unsupported = errno === 'ENOTSUP' || errno === 'EOPNOTSUPP';
      // User attributes exist on files and directories only.
      const impossible = name.startsWith('user.') && entry.type !== 'file' && entry.type !== 'directory';
      if (!unsupported && !(errno === 'EPERM' && (impossible || unprivileged))) throw error;
      skipped.push(name);
    }
  }
  return skipped;
}

/** `bigint` nanoseconds as `Timestamp`. */
export function timestampOf(nanoseconds: bigint): Timestamp {
  const billion = 1_000_000_000n;
  const rest = ((nanoseconds % billion) + billion) % billion;
  return {seconds: Number((nanoseconds - rest) / billion), nanoseconds: Number(rest)};
}

/**
 * Makes `to` (absent, in an existing directory) equal to `from` without its children: what an overlay does before it changes
 * a file of a lower layer. Only for files and directories. Both are byte strings.
 */
export function copyUp(from: string, to: string): void {
  const stats = lstatSync(bytesOf(from), {bigint: true});
  const target = bytesOf(to);
  if (stats.isDirectory()) mkdirSync(target, 0o700);
  else if (stats.isFile()) copyContent(from, to);
  else throw new BuildError('ARCHIVE_INVALID', `cannot copy ${quote(display(from))} into the layer: it is not a file`);
  lchownSync(target, Number(stats.uid), Number(stats.gid));
  chmodSync(target, Number(stats.mode) & 0o7777);
  for (const [name, value] of readXattrs(from, 'all')) syscalls().setXattr(target, name, value);
  syscalls().setTimes(target, timestampOf(stats.mtimeNs));
}

function copyContent(from: string, to: string): void {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const input = openSync(bytesOf(from), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const output = openSync(
      bytesOf(to),
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
      0o600,
    );
    try {
      for (let size = readSync(input, buffer); size > 0; size = readSync(input, buffer))
        writeAll(output, buffer.subarray(0, size));
    } finally {
      closeSync(output);
    }
  } finally {
    closeSync(input);
  }
}

/** Writes all of `bytes`; at `position` where given. */
export function writeAll(descriptor: number, bytes: Uint8Array, position?: number): void {
  let done = 0;
  while (done < bytes.length) {
    done += writeSync(descriptor, bytes, done, bytes.length - done, position === undefined ? null : position + done);
  }
}

/** The BuildError for anything thrown while `what` was done to a layer. */
export function layerError(what: string, error: unknown): unknown {
  if (error instanceof BuildError) return error;
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const details = {cause: error};
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new BuildError('NO_SPACE', `${what}: no space left on the device`, {
        ...details,
        remedy: 'Free some space, or run `build-image prune`.',
      });
    case 'ENAMETOOLONG':
      return new BuildError('ARCHIVE_INVALID', `${what}: a name is too long for the file system`, details);
    case 'EPERM':
    case 'EACCES':
    case 'EINVAL':
      return new BuildError('KERNEL_REFUSED', `${what}: the kernel refused it (${errno})`, {
        ...details,
        remedy: 'As an ordinary user only the owners that /etc/subuid and /etc/subgid map can be used.',
      });
    default:
      return new BuildError('IO', `${what}: ${errno}`, details);
  }
}
