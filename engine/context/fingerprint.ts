import {lstatSync, readdirSync, type Stats, statSync} from 'node:fs';
import {hasErrno} from '../base/errors.js';
import {nativeLook} from '../base/lstat.js';
import {DiskEntry} from './disk-entry.js';
import type {IgnoreRules} from './ignore/ignore.js';
import {planWalk} from './plan-walk.js';
import {byteString, systemPath} from './raw-path.js';

/** What a build looked at on the disk. Plain data. */
export interface Looked {
  /** Of the context: absolute, without a final slash; one character a byte, as `entries`. */
  readonly root: string;
  /** Relative to `root`: every path that is sent, and every directory that was listed. */
  readonly entries: readonly string[];
  /** Absolute paths of files that were read or looked for, links followed. */
  readonly files: readonly string[];
  /** Absolute paths of directories of which only the names in them count, at any depth. */
  readonly listed: readonly string[];
}

export interface Fingerprint {
  /** What the system said of each path, as text: no digest of it, for what makes one takes longer to load than to compare. */
  readonly said: string;
  /** The latest time of a write or change, in milliseconds since the epoch: an older fingerprint's does not hold for what came later. */
  readonly newest: number;
}

const wordsEach = 6;

/** Entries of the context `root`, in the order of the walk; undefined where there are more than `most`. Throws as the walk does. */
export function lookedEntries(root: string, rules: IgnoreRules, most: number): readonly string[] | undefined {
  const entries: string[] = [];
  for (const planned of planWalk(root, rules, true)) {
    // What is ignored does not count; that something comes or goes in a directory that is searched does.
    if (!(planned instanceof DiskEntry) && !planned.descended) continue;
    entries.push((planned instanceof DiskEntry ? planned : planned.entry).raw);
    if (entries.length > most) return undefined;
  }
  return entries;
}

/** The root as `Looked` has it. */
export const lookedRoot = (directory: string): string => byteString(directory === '/' ? '' : directory);

/**
 * Device, inode, size, mode and times of everything looked at: the same as long as nobody wrote to it. Undefined as soon
 * as one of them is later than `until`, in milliseconds. Synchronous: one system call for each path. Throws the system's
 * error. Numbers tell times a quarter of a microsecond apart, which no two writes are, and cost half of what nanoseconds do.
 */
export function fingerprint({root, entries, files, listed}: Looked, until?: number): Fingerprint | undefined {
  const words = new Float64Array((entries.length + files.length + 1) * wordsEach);
  let newest = 0;
  let at = 0;
  /** False where it is too new. */
  const add = (stats: Seen | undefined): boolean => {
    const start = at;
    at += wordsEach;
    if (stats === undefined) return true;
    const {mtimeMs, ctimeMs} = stats;
    words[start] = stats.dev;
    words[start + 1] = stats.ino;
    words[start + 2] = stats.size;
    words[start + 3] = stats.mode;
    words[start + 4] = mtimeMs;
    words[start + 5] = ctimeMs;
    if (ctimeMs > newest) newest = ctimeMs;
    if (mtimeMs > newest) newest = mtimeMs;
    return until === undefined || newest <= until;
  };
  const options = {throwIfNoEntry: false} as const;
  if (!add(statSync(systemPath(`${root}/`), options))) return undefined;
  for (const file of files) if (!add(orAbsent(() => statSync(file, options)))) return undefined;
  const look: (path: string | Buffer) => Seen | undefined =
    nativeLook(entries.length) ?? ((path) => lstatSync(path, options));
  for (const entry of entries) {
    if (!add(orAbsent(() => look(systemPath(`${root}/${entry}`))))) return undefined;
  }
  const names = listed.map((directory) => JSON.stringify(namesBelow(directory)));
  return {said: [Buffer.from(words.buffer).toString('base64'), ...names].join('\n'), newest};
}

type Seen = Pick<Stats, 'dev' | 'ino' | 'size' | 'mode' | 'mtimeMs' | 'ctimeMs'>;

/** A file in the place of a directory above it is as good as none. */
function orAbsent<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function namesBelow(directory: string): readonly string[] | null {
  try {
    return readdirSync(directory, {recursive: true, withFileTypes: true})
      .map((entry) => `${entry.parentPath}/${entry.name} ${entry.isDirectory() ? 'd' : ''}`)
      .sort();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}
