import {createHash} from 'node:crypto';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../base/make-directories.js';
import {attempt, parseVersioned, readSmall, writeWhole} from './files.js';
import {claim} from './leases.js';
import {touch} from './records.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const version = 1;
const mostBytes = 65_536;
const stateFile = 'cache.json';

/** A directory that steps keep over builds (`RUN --mount=type=cache`). */
export interface Cache {
  /** Name of its directory below `<root>/caches`. */
  readonly name: string;
  /** What is mounted. */
  readonly directory: string;
}

/** The cache directory of an id, made at the first use, claimed. Who may use it at once is for `withLock` to say. */
export function openCache(store: Store, id: string): Cache {
  const name = createHash('sha256').update(id).digest('hex').slice(0, 32);
  claim(store, {kind: 'cache', id: name});
  const path = join(directoryOf(store, 'caches'), name);
  const directory = join(path, 'fs');
  attempt('cannot make a cache directory', path, () => {
    makeDirectories(path, 0o700);
    makeDirectories(directory);
  });
  const state = join(path, stateFile);
  const found = statSync(state, {throwIfNoEntry: false});
  if (found === undefined) writeWhole(state, temporaryPath(store), `${JSON.stringify({version, id})}\n`, {sync: false});
  else touch(state, found.mtimeMs);
  return {name, directory};
}

/** Whose cache it is and when it was last used; undefined where that is not known. */
export function cacheState(path: string): {readonly id: string; readonly usedMs: number} | undefined {
  const file = readSmall(join(path, stateFile), mostBytes);
  const id = file === undefined ? undefined : parseVersioned(file.text, version)?.['id'];
  return file === undefined || typeof id !== 'string' ? undefined : {id, usedMs: file.mtimeMs};
}
