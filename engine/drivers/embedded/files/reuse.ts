import {chmodSync, linkSync, lstatSync, unlinkSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../../base/errors.js';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import type {FileStats} from './file-stats.js';
import {parentOf} from './byte-path.js';
import {type Attributes, copiedOf, type Copied, type CopiedBy, readCopied, writeCopied} from './copied-list.js';
import type {FileJob} from './file-copy.js';
import {copyHere, createCopyPool, prepareCopying} from './copy-pool.js';
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
  readonly stats: FileStats;
  readonly attributes: Attributes;
  /** Absolute, of the source. */
  readonly source: Buffer;
  /** A directory that gets the time of its source. */
  readonly keepsTime: boolean;
}

/** What an earlier run of a step copied: what did not change since is not copied again. */
export interface CopyReuse {
  /** Before anything is made: what the source is. */
  begins(stats: FileStats): void;
  /** False: what is there is what would be written; of a directory what is in it is still gone through. */
  wants(writing: Writing): boolean;
  /**
   * The file at `target` (a path of the root) will be there after `finish`, and is not to be copied: `linked` to what an earlier run
   * wrote, or `copied`. Undefined: it is to be copied now.
   */
  take(job: FileJob, target: string): 'linked' | 'copied' | undefined;
  /** Called when only the times of directories are left; given those of the source, it returns those that are set now. */
  complete(times: readonly PathTime[]): readonly PathTime[];
  /**
   * To be called when the overlay is no longer mounted: writes down what the step copied. False where a source that was read may be
   * something else meanwhile. Throws NO_SPACE, STEP_FAILED, CONTEXT_CHANGED.
   */
  finish(signal: AbortSignal): Promise<boolean>;
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

/** Files that are written down to be copied at the end: what comes after them is copied through the overlay. */
const mostLater = 5_000;

/**
 * Files go into the new upper directory itself, past the overlay, which costs as much again as the file system: those that did not
 * change as links to the earlier ones, as far as they can be linked, and the others as copies.
 */
export function createCopyReuse({root, upper, list, by, earlier}: CopyReusePlaces): CopyReuse {
  const known = earlier === undefined ? new Map<string, Copied>() : readCopied(earlier.list, by);
  const copied = new Map<string, Copied>();
  const linked: {readonly job: FileJob; readonly target: string}[] = [];
  const later: FileJob[] = [];
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
      const mayLink = identity !== '' && known.get(target)?.identity === identity;
      if (!mayLink && later.length >= mostLater) return undefined;
      const parent = parentOf(target);
      if (!parents.has(parent)) {
        parents.add(parent);
        bringUp(`${root}/${parent}`);
      }
      const past = {...job, target: `${upper}/${target}`, replaces: true};
      if (mayLink) linked.push({job: past, target});
      else prepareCopying(later.push(past));
      return mayLink ? 'linked' : 'copied';
    },
    complete: (given) => (times = given),
    async finish(signal) {
      const isSure = await copyAll(later, signal);
      for (const [index, {job, target}] of linked.entries()) {
        place(`${earlier?.upper ?? ''}/${target}`, job);
        if (index % pause === 0) {
          await setImmediate();
          signal.throwIfAborted();
        }
      }
      // New files changed them.
      if (parents.size > 0) for (const {path, time} of times) syscalls().setTimes(bytes(`${upper}/${path}`), time);
      if (copied.size > 0) writeCopied(list, by, copied);
      return isSure;
    },
  };
}

async function copyAll(jobs: readonly FileJob[], signal: AbortSignal): Promise<boolean> {
  const pool = createCopyPool(signal);
  try {
    for (const job of jobs) pool.add(job);
    return await pool.settle();
  } finally {
    await pool.close();
  }
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
    copyHere(job);
  }
}
