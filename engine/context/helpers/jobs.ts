import {closeSync, fstatSync, readlinkSync, readSync} from 'node:fs';
import {lookFor} from '../../base/lstat.js';
import {openInPlace} from '../open-in-place.js';
import {systemPath} from '../raw-path.js';

/**
 * System calls over many paths at once, synchronous, for promises cost ten times the calls. Plain data goes in and comes out, so
 * that a job runs in a helper thread as well as here. Paths are one character a byte, relative to `root`.
 */
export interface StatJob {
  readonly kind: 'stat';
  readonly root: string;
  /** Joined with NUL, which no path holds: one string crosses to a thread faster than a thousand. */
  readonly paths: string;
}

/** What `lstat` said of the paths of a job. */
export interface StatReply {
  /** Mode (0: the path is gone), number of links, size in bytes, mtime in whole seconds. */
  readonly numbers: Float64Array;
  /** Device, inode, size, mtime and ctime in nanoseconds: the same as long as nobody wrote to the file. */
  readonly identities: BigInt64Array;
  /** Index and target of each symlink. */
  readonly links: readonly (readonly [number, string])[];
  /** Index and number of each device. */
  readonly devices: readonly (readonly [number, bigint])[];
  readonly failure: Failure | undefined;
}

export const numbersEach = 4;
export const identityEach = 5;

/** The first path that could not be handled; those after it were not looked at. */
export interface Failure {
  readonly index: number;
  /** How the file is not what it was, as `grew`; undefined where the system refused. */
  readonly how: string | undefined;
  /** The system's error code, as EACCES. */
  readonly code: string | undefined;
  readonly message: string;
}

const format = {mask: 0o170000, link: 0o120000, character: 0o020000, block: 0o060000};

export function statPaths(job: StatJob): StatReply {
  const paths = job.paths.split('\0');
  const numbers = new Float64Array(paths.length * numbersEach);
  const identities = new BigInt64Array(paths.length * identityEach);
  const links: (readonly [number, string])[] = [];
  const devices: (readonly [number, bigint])[] = [];
  const look = lookFor(paths.length);
  const failure = each(paths, (raw, index) => {
    const path = systemPath(`${job.root}/${raw}`);
    const stats = ifThere(() => look(path), 'ENOTDIR');
    if (stats === undefined) return;
    const {mode, size, modified} = stats;
    const kind = mode & format.mask;
    if (kind === format.link) {
      const target = ifThere(() => readlinkSync(path, {encoding: 'latin1'}), 'ENOENT', 'ENOTDIR', 'EINVAL');
      if (target === undefined) return;
      links.push([index, target]);
    } else if (kind === format.character || kind === format.block) {
      devices.push([index, stats.represented]);
    }
    const at = index * numbersEach;
    numbers[at] = mode;
    numbers[at + 1] = stats.links;
    numbers[at + 2] = size;
    numbers[at + 3] = wholeSeconds(modified);
    const identity = index * identityEach;
    identities[identity] = stats.device;
    identities[identity + 1] = stats.inode;
    identities[identity + 2] = BigInt(size);
    identities[identity + 3] = modified;
    identities[identity + 4] = stats.changed;
  });
  return {numbers, identities, links, devices, failure};
}

/** Division of bigints is slow; a double is right unless the next second is less than its precision away. */
export function wholeSeconds(nanoseconds: bigint): number {
  const seconds = Number(nanoseconds) / 1e9;
  const whole = Math.floor(seconds);
  return seconds - whole > 0.999 || seconds < 0 ? Number(nanoseconds / 1_000_000_000n) : whole;
}

export interface FillJob {
  readonly kind: 'fill';
  readonly root: string;
  /** Joined with NUL. */
  readonly paths: string;
  /** For each path where its content goes in `buffer`, and how many bytes it has. There is room for one byte more. */
  readonly places: Float64Array;
  readonly buffer: ArrayBuffer;
}

export interface FillReply {
  readonly buffer: ArrayBuffer;
  readonly failure: Failure | undefined;
}

export const placeEach = 2;

/** Reads whole files into their places; the byte after each is restored. */
export function fillPlaces(job: FillJob): FillReply {
  const {places, buffer} = job;
  const bytes = new Uint8Array(buffer);
  const failure = each(job.paths.split('\0'), (raw, index) => {
    const at = places[index * placeEach] ?? 0;
    const size = places[index * placeEach + 1] ?? 0;
    const file = openSource(job.root, raw);
    try {
      const after = bytes[at + size] ?? 0;
      let count = 0;
      // One byte more than is due, to notice a file that grew. The end comes with one byte less than asked for: no second call.
      for (let more = 1; more > 0 && count <= size; count += more) {
        more = readSync(file, bytes, at + count, size + 1 - count, null);
        if (more === size - count) {
          count = size;
          break;
        }
      }
      bytes[at + size] = after;
      return count === size ? undefined : count > size ? 'grew' : 'shrank';
    } finally {
      closeSync(file);
    }
  });
  return {buffer, failure};
}

/** Opens what was a regular file when it was listed. */
export const openSource = (root: string, raw: string): number => openInPlace(`${root}/${raw}`);

/** Size in bytes of an open file; undefined where it is no regular file. */
export function openedSize(file: number): number | undefined {
  const stats = fstatSync(file);
  return stats.isFile() ? stats.size : undefined;
}

/** Does `work`, which may say how a file has changed, for one path after another until one fails. */
export function each(
  paths: readonly string[],
  work: (raw: string, index: number) => string | undefined | void,
): Failure | undefined {
  for (let index = 0; index < paths.length; index++) {
    try {
      const how = work(paths[index] ?? '', index);
      if (typeof how === 'string') return {index, how, code: undefined, message: how};
    } catch (error) {
      const {code, message} = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      return {index, how: code === 'ELOOP' ? 'became a symbolic link' : undefined, code, message};
    }
  }
  return undefined;
}

function ifThere<T>(call: () => T, ...gone: readonly string[]): T | undefined {
  try {
    return call();
  } catch (error) {
    if (gone.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
