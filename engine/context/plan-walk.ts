import {lstatSync, readdirSync} from 'node:fs';
import {hasErrno} from '../base/errors.js';
import {DiskEntry} from './disk-entry.js';
import type {IgnoreRule, IgnoreRules, MatchState} from './ignore/ignore.js';
import {decodePath, systemPath} from './raw-path.js';
import {unreadable} from './unreadable.js';

/** A path that is not sent; planned only where somebody wants to know. */
export interface Ignored {
  readonly entry: DiskEntry;
  readonly rule: IgnoreRule | undefined;
  /** A directory that is read all the same. */
  readonly descended: boolean;
}

interface Level {
  readonly prefix: string;
  readonly names: readonly string[];
  /** Which of them are directories. */
  readonly directories: ReadonlySet<string>;
  next: number;
  readonly state: MatchState | undefined;
  /** The ignored directory itself, sent as soon as something below it is. */
  unsent: DiskEntry | undefined;
}

/**
 * Paths of the directory `root` (one character a byte, absolute), sorted as BuildKit's fsutil sorts them. An ignored directory is
 * read only where a `!` rule may send something below it, and is then itself sent before the first such path. `ignoredToo`:
 * the ignored ones are planned as well. The entries wait for what `lstat` says. Synchronous; the caller lets others run between
 * batches.
 */
export function* planWalk(root: string, rules: IgnoreRules, ignoredToo: boolean): Generator<DiskEntry | Ignored, void> {
  const levels: Level[] = [{prefix: '', ...namesOf(root, ''), next: 0, state: undefined, unsent: undefined}];
  const unruled = rules.rules.length === 0;
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names[level.next++];
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const raw = level.prefix + name;
    const path = decodePath(raw);
    const directory = level.directories.has(name);
    const state = unruled ? undefined : rules.match(path, level.state);
    const ignored = state?.ignored === true;
    const descended = directory && (!ignored || rules.mayHoldSent(path));
    if (ignored && ignoredToo) yield {entry: new DiskEntry(raw, path, directory), rule: state.rule, descended};
    if (ignored && !descended) continue;
    const planned = new DiskEntry(raw, path, directory);
    if (!ignored) {
      for (const above of levels) {
        if (above.unsent === undefined) continue;
        yield above.unsent;
        above.unsent = undefined;
      }
      yield planned;
    }
    if (descended) {
      const names = namesIfReadable(root, raw, ignored);
      levels.push({prefix: `${raw}/`, ...names, next: 0, state, unsent: ignored ? planned : undefined});
    }
  }
}

type Names = Pick<Level, 'names' | 'directories'>;
const none: Names = {names: [], directories: new Set()};

/** Names of a directory in byte order; none where it is gone. */
function namesOf(root: string, raw: string): Names {
  const path = `${root}/${raw}`;
  try {
    return readNames(systemPath(path), path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return none;
    throw unreadable(raw === '' ? '.' : decodePath(raw), error);
  }
}

function readNames(system: string | Buffer, path: string): Names {
  const names: string[] = [];
  const directories = new Set<string>();
  try {
    for (const entry of readdirSync(system, {encoding: 'latin1', withFileTypes: true})) {
      names.push(entry.name);
      if (entry.isDirectory()) directories.add(entry.name);
    }
  } catch (error) {
    // A file system that tells no types has Node ask for them, by names that it cannot spell where they are not ASCII.
    if (hasErrno(error, 'EACCES', 'EPERM', 'ENOTDIR')) throw error;
    for (const name of readdirSync(system, {encoding: 'latin1'})) {
      names.push(name);
      const stats = lstatSync(systemPath(`${path}/${name}`), {throwIfNoEntry: false});
      if (stats?.isDirectory() === true) directories.add(name);
    }
  }
  return {names: names.sort(), directories};
}

/** An ignored directory that may not be read holds nothing that could be sent, as BuildKit takes it. */
function namesIfReadable(root: string, raw: string, ignored: boolean): Names {
  try {
    return namesOf(root, raw);
  } catch (error) {
    if (ignored && error instanceof Error && hasErrno(error.cause, 'EACCES', 'EPERM')) return none;
    throw error;
  }
}
