import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import {isOwnXattr, timestampOf} from '../../../snapshot/metadata.js';
import {BuildError, hasErrno} from '../../../base/errors.js';
import {isInPlace, plainly} from '../../../context/open-in-place.js';
import {writtenTo} from '../../../context/unreadable.js';

/** A regular file to copy. Paths are byte strings; absolute. Plain data: it goes to worker threads. */
export interface FileJob {
  readonly source: string;
  readonly target: string;
  /** Others may write to the source and its directories meanwhile: that it is what it was is seen when it is read. */
  readonly shared: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; the source must still have as many. */
  readonly size: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** The target's directory hands nothing on: neither its group nor an access list. */
  readonly plain: boolean;
  /** Of the source. */
  readonly dev: bigint;
  readonly ino: bigint;
  readonly ctimeNs: bigint;
  /** What is at the target is removed: it only hides what lies below an overlay. */
  readonly replaces?: boolean;
}

/** From here on the kernel copies (or shares the blocks, where the file system can). Bytes. */
const large = 512 * 1024;
let buffer: Buffer | undefined;

const bytes = (path: string) => Buffer.from(path, 'latin1');

/**
 * Copies data, mode, owner, extended attributes and time. Throws an error of the system (EEXIST where the target is there), or
 * CONTEXT_CHANGED where the source is no longer what it was. False where something about it has changed, though not its size and time.
 */
export function copyFile(job: FileJob): boolean {
  const [source, target] = [bytes(job.source), bytes(job.target)];
  const from = openFrom(job);
  try {
    if (job.size >= large) placed(target, job, () => copyLarge(from, target, job));
    const flags = job.size >= large ? 0 : constants.O_CREAT | constants.O_EXCL;
    const {isOwn, hasMode} = asMade(job);
    const mode = hasMode ? job.mode : 0o600;
    const to = placed(target, job, () => openSync(target, constants.O_WRONLY | constants.O_NOFOLLOW | flags, mode));
    try {
      if (job.size < large) copySmall(from, to, job);
      if (!isOwn) fchownSync(to, job.uid, job.gid);
      // After the owner: the kernel takes setuid away when that changes.
      if (!hasMode) fchmodSync(to, job.mode);
      copyXattrs(source, target);
      const time: Timestamp = {seconds: job.seconds, nanoseconds: job.nanoseconds};
      syscalls().setFileTimes(to, time);
      return !job.shared || isAsBefore(from, job);
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function placed<T>(target: Buffer, {replaces}: FileJob, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (replaces !== true || !hasErrno(error, 'EEXIST')) throw error;
    unlinkSync(target);
    return make();
  }
}

function isAsBefore(from: number, job: FileJob): boolean {
  const now = fstatSync(from, {bigint: true});
  const {seconds, nanoseconds} = timestampOf(now.mtimeNs);
  const isWritten = Number(now.size) !== job.size || seconds !== job.seconds || nanoseconds !== job.nanoseconds;
  if (isWritten) throw changed(job);
  if (now.ino === job.ino && now.dev === job.dev) return now.ctimeNs === job.ctimeNs;
  // Another file, or one that a file system has numbered anew. What lies behind a link that took a directory's name is not read.
  if (!isInPlace(from, job.source)) throw changed(job);
  return false;
}

let maker: {readonly uid: number; readonly gid: number; readonly mask: number} | undefined;

/** Which attributes a small file has as soon as it is made: each saves a call, for thousands of files. */
function asMade({plain, size, mode, uid, gid}: FileJob): {readonly isOwn: boolean; readonly hasMode: boolean} {
  if (!plain || size >= large) return {isOwn: false, hasMode: false};
  maker ??= {uid: process.geteuid?.() ?? -1, gid: process.getegid?.() ?? -1, mask: currentMask()};
  const isOwn = uid === maker.uid && gid === maker.gid;
  return {isOwn, hasMode: isOwn && (mode & (0o7000 | maker.mask)) === 0};
}

function currentMask(): number {
  const calls = syscalls();
  const mask = calls.umask(0o022);
  calls.umask(mask);
  return mask;
}

function openFrom(job: FileJob): number {
  try {
    return openSync(bytes(job.source), plainly);
  } catch (error) {
    throw hasErrno(error, 'ELOOP') ? changed(job) : error;
  }
}

function copySmall(from: number, to: number, job: FileJob): void {
  buffer ??= Buffer.allocUnsafeSlow(large);
  let length = 0;
  for (;;) {
    const room = buffer.length - length;
    const count = readSync(from, buffer, length, room, null);
    length += count;
    // Fewer bytes than there was room for, and as many as there should be: that is the end of the file.
    if (count === 0 || length > job.size || (count < room && length === job.size)) break;
  }
  if (length !== job.size) throw changed(job);
  for (let written = 0; written < length;) written += writeSync(to, buffer, written, length - written);
}

/** Through the open descriptor, so that what was looked at is what is copied. Holes are not kept, as BuildKit does. */
function copyLarge(from: number, target: Buffer, job: FileJob): void {
  const stats = fstatSync(from);
  if (!stats.isFile() || stats.size !== job.size) throw changed(job);
  copyFileSync(`/proc/self/fd/${from}`, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
}

const changed = (job: FileJob): BuildError =>
  writtenTo(`${JSON.stringify(bytes(job.source).toString('utf8'))} was written to while it was copied`);

/** Every attribute that the target takes; one that it refuses is left out, as every builder does. */
export function copyXattrs(source: Buffer, target: Buffer): void {
  const calls = syscalls();
  for (const name of calls.listXattrs(source)) {
    if (!isOwnXattr(name)) continue;
    try {
      const value = calls.getXattr(source, name);
      if (value !== undefined) calls.setXattr(target, name, value);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
    }
  }
}
