import {lstatSync, readdirSync, readlinkSync, type BigIntStats} from 'node:fs';
import {hasErrno} from '../base/errors.js';
import type {ContextEntry} from './context.js';
import type {IgnoreRule, IgnoreRules, MatchState} from './ignore/ignore.js';
import {decodePath, rawBytes, systemPath} from './raw-path.js';
import {unreadable} from './unreadable.js';

/** Told about paths that are not sent. `descended`: what lies below a directory is reported too. */
export type IgnoredPath = {
  readonly path: string;
  readonly type: ContextEntry['type'];
  readonly size: number;
  readonly rule: IgnoreRule | undefined;
  readonly descended: boolean;
};

export interface WalkOptions {
  readonly rules: IgnoreRules;
  readonly onIgnored?: (ignored: IgnoredPath) => void;
}

const formatBits = 0o170000;
const types: Readonly<Record<number, ContextEntry['type']>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
  0o010000: 'fifo',
  0o020000: 'character-device',
  0o060000: 'block-device',
  0o140000: 'socket',
};

export const typeOf = (stats: BigIntStats): ContextEntry['type'] => types[Number(stats.mode) & formatBits] ?? 'file';

/** Linux's packing of a device number. */
export const deviceOf = (rdev: bigint): readonly [number, number] => [
  Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
  Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
];

/** What `lstat` says, or undefined where the path is gone. */
export function statOf(root: string, raw: string): BigIntStats | undefined {
  try {
    return lstatSync(systemPath(`${root}/${raw}`), {bigint: true, throwIfNoEntry: false});
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return undefined;
    throw unreadable(decodePath(raw), error);
  }
}

/** An entry of a directory on disk with what `lstat` said. */
export interface WalkedEntry extends ContextEntry {
  readonly stats: BigIntStats;
}

export function entryOf(root: string, raw: string, path: string, stats: BigIntStats): WalkedEntry | undefined {
  const type = typeOf(stats);
  let link: string | undefined;
  let rawLink: Buffer | undefined;
  if (type === 'symlink') {
    try {
      const target = readlinkSync(systemPath(`${root}/${raw}`), {encoding: 'latin1'});
      link = decodePath(target);
      if (link.includes('\uFFFD')) rawLink = rawBytes(target);
    } catch (error) {
      if (hasErrno(error, 'ENOENT', 'EINVAL')) return undefined;
      throw unreadable(path, error);
    }
  }
  return {
    path,
    rawPath: rawBytes(raw),
    type,
    mode: Number(stats.mode) & 0o7777,
    size: type === 'file' ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    link,
    ...(rawLink !== undefined && {rawLink}),
    hardlink: type === 'file' && stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined,
    stats,
    device: type === 'character-device' || type === 'block-device' ? deviceOf(stats.rdev) : undefined,
  };
}

/** Names of a directory in byte order, or undefined where it is gone. */
function namesOf(root: string, raw: string): string[] | undefined {
  try {
    return readdirSync(systemPath(`${root}/${raw}`), {encoding: 'latin1'}).sort();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw unreadable(raw === '' ? '.' : decodePath(raw), error);
  }
}

interface Level {
  readonly prefix: string;
  readonly names: readonly string[];
  next: number;
  readonly state: MatchState | undefined;
  /** The ignored directory itself, sent as soon as something below it is. */
  unsent: WalkedEntry | undefined;
}

/**
 * Entries of the directory `root` (one character a byte, absolute), sorted as BuildKit's fsutil sorts them. An ignored directory is
 * read only where a `!` rule may send something below it, and is then itself sent before the first such entry. Sockets are
 * left out, as every builder does. A path that vanishes between being listed and being looked at is left out. Synchronous, for
 * promises cost ten times the system calls; the caller lets others run between batches.
 */
export function* walkDirectory(root: string, options: WalkOptions): Generator<WalkedEntry, void, undefined> {
  const {rules, onIgnored} = options;
  const levels: Level[] = [{prefix: '', names: namesOf(root, '') ?? [], next: 0, state: undefined, unsent: undefined}];
  const unruled = rules.rules.length === 0;
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names[level.next++];
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const raw = level.prefix + name;
    const path = decodePath(raw);
    const state = unruled ? undefined : rules.match(path, level.state);
    const ignored = state?.ignored === true;
    // What is ignored and leads nowhere needs no system call, unless somebody wants to know what it is.
    if (ignored && onIgnored === undefined && !rules.mayHoldSent(path)) continue;
    const stats = statOf(root, raw);
    if (stats === undefined) continue;
    const type = typeOf(stats);
    const descend = type === 'directory' && (!ignored || rules.mayHoldSent(path));
    if (ignored) {
      onIgnored?.({path, type, size: type === 'file' ? Number(stats.size) : 0, rule: state.rule, descended: descend});
      if (!descend) continue;
    }
    if (type === 'socket') continue;
    const entry = entryOf(root, raw, path, stats);
    if (entry === undefined) continue;
    if (!ignored) {
      for (const above of levels) {
        if (above.unsent === undefined) continue;
        yield above.unsent;
        above.unsent = undefined;
      }
      yield entry;
    }
    if (descend) {
      const names = namesIfReadable(root, raw, ignored);
      levels.push({prefix: `${raw}/`, names, next: 0, state, unsent: ignored ? entry : undefined});
    }
  }
}

/** An ignored directory that may not be read holds nothing that could be sent, as BuildKit takes it. */
function namesIfReadable(root: string, raw: string, ignored: boolean): readonly string[] {
  try {
    return namesOf(root, raw) ?? [];
  } catch (error) {
    if (ignored && error instanceof Error && hasErrno(error.cause, 'EACCES', 'EPERM')) return [];
    throw error;
  }
}
