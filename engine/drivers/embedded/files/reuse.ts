import {chmodSync, linkSync, lstatSync, readFileSync, unlinkSync, writeFileSync, type BigIntStats} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../../base/errors.js';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import type {TransferOperation} from './step.js';
import {parentOf, quotePath} from './byte-path.js';
import {ioError} from './destination.js';
import {copyFile, type FileJob} from './file-copy.js';
import {hasWildcard} from './wildcard.js';

/** What an earlier run of a step copied: files that did not change since are linked instead of being copied again. */
export interface CopyReuse {
  /** True: the file at `target` (a path of the root) will be there after `finish`, and is not to be copied. */
  take(job: FileJob, target: string, stats: BigIntStats): boolean;
  /** Times that directories have when all is written. */
  keepTimes(times: readonly {readonly path: string; readonly time: Timestamp}[]): void;
  /**
   * To be called when the overlay is no longer mounted: links what was taken into the upper directory, and writes down
   * what the step copied. A file that cannot be linked is copied. Throws NO_SPACE, STEP_FAILED, CONTEXT_CHANGED.
   */
  finish(signal: AbortSignal): Promise<void>;
}

export interface CopyReusePlaces {
  /** The overlay, while the step runs; absolute byte strings, as the others. */
  readonly root: string;
  /** What lies in it when it is unmounted. */
  readonly upper: string;
  /** The list that this run writes. */
  readonly list: string;
  /** An earlier snapshot of the same step. */
  readonly earlier: {readonly upper: string; readonly list: string} | undefined;
}

/**
 * Whether a step may reuse what it copied before: with one source no path is written twice, so that it does not matter
 * that linked files appear only at the end.
 */
export function mayReuse({kind, sources, files, parents}: TransferOperation): boolean {
  return kind === 'copy' && files.length === 0 && sources.length === 1 && !parents && !hasWildcard(sources[0] ?? '');
}

const heading = 'build-image copied files 1';
/** Nanoseconds after which a file's times tell a later write apart. */
const settled = 2_000_000_000n;
const pause = 512;

export function createCopyReuse({root, upper, list, earlier}: CopyReusePlaces): CopyReuse {
  const known = earlier === undefined ? new Map<string, string>() : readList(earlier.list);
  const copied: string[] = [];
  const taken: {readonly job: FileJob; readonly target: string}[] = [];
  const parents = new Set<string>();
  const times: {readonly path: string; readonly time: Timestamp}[] = [];
  return {
    take(job, target, stats) {
      const now = BigInt(Date.now()) * 1_000_000n;
      if (now - stats.mtimeNs <= settled || now - stats.ctimeNs <= settled) return false;
      const identity = identityOf(job, stats);
      copied.push(`${target}\0${identity}`);
      if (known.get(target) !== identity) return false;
      const parent = parentOf(target);
      if (!parents.has(parent)) {
        parents.add(parent);
        bringUp(`${root}/${parent}`);
      }
      taken.push({job, target});
      return true;
    },
    keepTimes: (more) => void times.push(...more),
    async finish(signal) {
      for (const [index, {job, target}] of taken.entries()) {
        place(`${earlier?.upper ?? ''}/${target}`, {...job, target: `${upper}/${target}`});
        if (index % pause === 0) {
          await setImmediate();
          signal.throwIfAborted();
        }
      }
      // Links changed them.
      if (taken.length > 0) for (const {path, time} of times) syscalls().setTimes(bytes(`${upper}/${path}`), time);
      if (copied.length > 0) writeList(list, copied);
    },
  };
}

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');

/** Equal only where data, attributes and times are: a write or a change of attributes moves the time of change. */
const identityOf = ({mode, uid, gid}: FileJob, {dev, ino, size, mtimeNs, ctimeNs}: BigIntStats): string =>
  [dev, ino, size, mtimeNs, ctimeNs, mode.toString(8), uid, gid].join(':');

/** A change of a directory's attributes, even to what they are, gives it a place in the upper directory. */
function bringUp(directory: string): void {
  const path = bytes(directory);
  chmodSync(path, lstatSync(path).mode & 0o7777);
}

function place(from: string, job: FileJob): void {
  const target = bytes(job.target);
  try {
    linkSync(bytes(from), target);
    return;
  } catch (error) {
    // What hides the file below that was replaced.
    if (hasErrno(error, 'EEXIST')) unlinkSync(target);
  }
  try {
    linkSync(bytes(from), target);
  } catch {
    // Too many links, or gone.
    copyAgain(job);
  }
}

function copyAgain(job: FileJob): void {
  try {
    copyFile(job);
  } catch (error) {
    throw ioError(`cannot copy ${quotePath(job.source)}`, error);
  }
}

function readList(file: string): Map<string, string> {
  let parts: string[];
  try {
    parts = readFileSync(file, 'latin1').split('\0');
  } catch {
    return new Map();
  }
  if (parts[0] !== heading || parts.at(-1) !== 'end') return new Map();
  const known = new Map<string, string>();
  for (let index = 1; index + 1 < parts.length; index += 2) known.set(parts[index] ?? '', parts[index + 1] ?? '');
  return known;
}

function writeList(file: string, copied: readonly string[]): void {
  try {
    writeFileSync(file, [heading, ...copied, 'end'].join('\0'), {encoding: 'latin1', mode: 0o600});
  } catch {
    // The next run copies everything again.
  }
}
