import {chmodSync, linkSync, lstatSync, unlinkSync, type BigIntStats} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../../base/errors.js';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import {parentOf, quotePath} from './byte-path.js';
import {type Attributes, copiedOf, type Copied, type CopiedBy, readCopied, writeCopied} from './copied-list.js';
import {ioError} from './destination.js';
import {copyFile, type FileJob} from './file-copy.js';
import type {TransferOperation} from './step.js';
import {hasWildcard} from './wildcard.js';

export interface PathTime {
  readonly path: string;
  readonly time: Timestamp;
}

/** A path of the root that a step is about to write. */
export interface Writing {
  readonly target: string;
  /** Of the source. */
  readonly stats: BigIntStats;
  readonly attributes: Attributes;
  /** Absolute, of the source. */
  readonly source: Buffer;
  /** A directory that gets the time of its source. */
  readonly keepsTime: boolean;
}

/** What an earlier run of a step copied: what did not change since is not copied again. */
export interface CopyReuse {
  /** Before anything is made: what the source is. */
  begins(stats: BigIntStats): void;
  /** False: what is there is what would be written; of a directory what is in it is still gone through. */
  wants(writing: Writing): boolean;
  /** True: the file at `target` (a path of the root) will be there after `finish`, and is not to be copied. */
  take(job: FileJob, target: string, stats: BigIntStats): boolean;
  /** Called when only the times of directories are left; given those of the source, it returns those that are set now. */
  complete(times: readonly PathTime[]): readonly PathTime[];
  /**
   * To be called when the overlay is no longer mounted: writes down what the step copied. Throws NO_SPACE, STEP_FAILED,
   * CONTEXT_CHANGED.
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
  /** What runs. */
  readonly by: CopiedBy;
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

const pause = 512;

/** Links files that did not change into a new upper directory. A file that cannot be linked is copied. */
export function createCopyReuse({root, upper, list, by, earlier}: CopyReusePlaces): CopyReuse {
  const known = earlier === undefined ? new Map<string, Copied>() : readCopied(earlier.list, by);
  const copied = new Map<string, Copied>();
  const taken: {readonly job: FileJob; readonly target: string}[] = [];
  const parents = new Set<string>();
  let times: readonly PathTime[] = [];
  return {
    wants({target, stats, attributes}) {
      copied.set(target, copiedOf(attributes, stats));
      return true;
    },
    begins: () => undefined,
    take(job, target) {
      const identity = copied.get(target)?.identity ?? '';
      if (identity === '' || known.get(target)?.identity !== identity) return false;
      const parent = parentOf(target);
      if (!parents.has(parent)) {
        parents.add(parent);
        bringUp(`${root}/${parent}`);
      }
      taken.push({job, target});
      return true;
    },
    complete: (given) => (times = given),
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
      if (copied.size > 0) writeCopied(list, by, copied);
    },
  };
}

const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');

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
