import {
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  type BigIntStats,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {quote} from '../../../base/errors.js';
import {deviceOf} from '../../../base/device-number.js';
import {makeDirectories} from '../../../base/make-directories.js';
import {syscalls} from '../../../base/syscalls.js';
import {timestampOf} from '../../../snapshot/metadata.js';
import {copyXattrs} from '../files/file-copy.js';
import {writeFailure} from './destination.js';

export interface LocalOptions {
  /** Owners are kept; else everything belongs to the caller, and devices and pipes are left out. */
  readonly root: boolean;
  /** Later times become this one, seconds since 1970. */
  readonly epoch?: number | undefined;
}

interface Copying extends LocalOptions {
  /** First copy of a file with several names. */
  readonly links: Map<bigint, Buffer>;
  readonly signal: AbortSignal;
  count: number;
}

const slash = Buffer.from('/');

/**
 * Copies the tree `from` into the directory `to`, over what is there: modes, times, extended attributes, symlinks and hard links
 * are kept. A symlink in `to` is replaced, never followed; each file is written beside its place and renamed. Sockets are left
 * out.
 */
export async function copyTree(from: string, to: string, options: LocalOptions, signal: AbortSignal): Promise<void> {
  const copying: Copying = {...options, links: new Map(), signal, count: 0};
  try {
    makeDirectories(to);
    await copyChildren(Buffer.from(from), Buffer.from(to), copying);
  } catch (error) {
    throw writeFailure(to, error);
  }
}

async function copyChildren(from: Buffer, to: Buffer, copying: Copying): Promise<void> {
  // Names are bytes: they need not be UTF-8.
  const names = readdirSync(from, {encoding: 'buffer'});
  for (const name of names.sort((a, b) => a.compare(b))) {
    // Others get their turn, and a cancelled build stops.
    if (++copying.count % 100 === 0) await setImmediate();
    copying.signal.throwIfAborted();
    const [source, target] = [Buffer.concat([from, slash, name]), Buffer.concat([to, slash, name])];
    const stats = lstatSync(source, {bigint: true});
    if (stats.isDirectory()) {
      if (lstatSync(target, {throwIfNoEntry: false})?.isDirectory() !== true) {
        rmSync(target, {force: true});
        mkdirSync(target, 0o700);
      }
      await copyChildren(source, target, copying);
      setAttributes(source, target, stats, copying);
    } else {
      copyOther(source, target, stats, copying);
    }
  }
}

function copyOther(source: Buffer, target: Buffer, stats: BigIntStats, copying: Copying): void {
  if (stats.isSocket()) return;
  const device = stats.isCharacterDevice() || stats.isBlockDevice() || stats.isFIFO();
  if (device && !copying.root) return;
  const beside = Buffer.concat([target, Buffer.from('.build-image.tmp')]);
  rmSync(beside, {force: true});
  try {
    const first = stats.nlink > 1n ? copying.links.get(stats.ino) : undefined;
    if (first !== undefined) linkSync(first, beside);
    else if (device) makeDevice(beside, stats);
    else if (stats.isSymbolicLink()) symlinkSync(readlinkSync(source, {encoding: 'buffer'}), beside);
    else copyFileSync(source, beside, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    if (first === undefined) setAttributes(source, beside, stats, copying);
    if (lstatSync(target, {throwIfNoEntry: false})?.isDirectory() === true) {
      throw Object.assign(new Error(`a directory is in the place of the file ${quote(target.toString())}`), {
        code: 'EISDIR',
      });
    }
    renameSync(beside, target);
    // rename(2) does nothing where both names are links to one file.
    rmSync(beside, {force: true});
    if (stats.nlink > 1n) copying.links.set(stats.ino, target);
  } catch (error) {
    rmSync(beside, {force: true});
    throw error;
  }
}

function makeDevice(path: Buffer, {mode, rdev}: BigIntStats): void {
  syscalls().makeNode(path, Number(mode), ...deviceOf(rdev));
}

function setAttributes(source: Buffer, path: Buffer, stats: BigIntStats, {root, epoch}: LocalOptions): void {
  if (root) lchownSync(path, Number(stats.uid), Number(stats.gid));
  // Without the owner, setuid, setgid and capabilities would be the caller's own.
  if (!stats.isSymbolicLink()) chmodSync(path, Number(stats.mode) & (root ? 0o7777 : 0o777));
  if (root) copyXattrs(source, path);
  const time = timestampOf(stats.mtimeNs);
  syscalls().setTimes(path, epoch !== undefined && time.seconds >= epoch ? {seconds: epoch, nanoseconds: 0} : time);
}
