import {createHash} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import type {Timestamp} from '../../../base/syscalls.js';
import {canonicalJson} from '../../../plan/cache-key.js';
import {type FileStats, isDirectory, isFile} from './file-stats.js';
import {isSettled, nowNs} from './settled.js';
import type {TransferOperation} from './step.js';

/** What a step wrote at a path. */
export type CopiedType = 'directory' | 'file' | 'other';

export interface Copied {
  readonly type: CopiedType;
  /**
   * Equal only where data, attributes and times are: a write or a change of attributes moves the time of change. '' where the
   * source was written so shortly before that a later write might not show.
   */
  readonly identity: string;
}

/** What the source decides about a path that is written. */
export interface Attributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What wrote them. */
export interface CopiedBy {
  readonly operation: TransferOperation;
  /** SOURCE_DATE_EPOCH. */
  readonly time: Timestamp | undefined;
}

const heading = 'build-image copied files 2';
const letters: Readonly<Record<CopiedType, string>> = {directory: 'd', file: 'f', other: 'o'};
const types = new Map(Object.entries(letters).map(([type, letter]) => [letter, type as CopiedType]));

export function copiedOf({mode, uid, gid}: Attributes, stats: FileStats): Copied {
  const {dev, ino, size, mtimeNs, ctimeNs} = stats;
  const type = isDirectory(stats) ? 'directory' : isFile(stats) ? 'file' : 'other';
  return {
    type,
    identity: isSettled(stats, nowNs()) ? [dev, ino, size, mtimeNs, ctimeNs, mode.toString(8), uid, gid].join(':') : '',
  };
}

/** By path in the image, a byte string. Empty where the file is not there, damaged, or of another operation. */
export function readCopied(file: string, by: CopiedBy): ReadonlyMap<string, Copied> {
  let parts: string[];
  try {
    parts = readFileSync(file, 'latin1').split('\0');
  } catch {
    return new Map();
  }
  if (parts[0] !== heading || parts[1] !== digestOf(by) || parts.at(-1) !== 'end') return new Map();
  const known = new Map<string, Copied>();
  for (let index = 2; index + 1 < parts.length; index += 2) {
    const text = parts[index + 1] ?? '';
    known.set(parts[index] ?? '', {type: types.get(text.charAt(0)) ?? 'other', identity: text.slice(1)});
  }
  return known;
}

/** That it cannot be written is no error: the next run copies everything again. */
export function writeCopied(file: string, by: CopiedBy, copied: ReadonlyMap<string, Copied>): void {
  const lines = [heading, digestOf(by)];
  for (const [path, {type, identity}] of copied) lines.push(path, `${letters[type]}${identity}`);
  try {
    writeFileSync(file, [...lines, 'end'].join('\0'), {encoding: 'latin1', mode: 0o600});
  } catch {
    return;
  }
}

/** Digest of all that decides what is written but the content: which files are read, their own inodes tell. */
const digestOf = ({operation, time}: CopiedBy): string =>
  createHash('sha256')
    .update(canonicalJson({...operation, time: time === undefined ? null : time.seconds}))
    .digest('hex');
