import {chmodSync, lstatSync, readdirSync, realpathSync, renameSync, rmdirSync, unlinkSync} from 'node:fs';
import {join} from 'node:path';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {hasErrno} from '../base/errors.js';
import {isMissing, namesIn, randomName} from './files.js';
import {mountsBelow, unmountAll} from './mounts.js';
import type {Store} from './store.js';

export interface Emptied {
  /** Files and directories that could not be deleted: they belong to other users, or the time was over. */
  readonly left: number;
}

/** File system calls before other work of the process gets its turn. */
const atOnce = 500;

/**
 * Deletes what was taken out of the store. Every directory is first moved to the top of the trash: no path gets long, and
 * no symlink is ever followed. Whatever is still mounted there is unmounted before. Two at once, or a kill, do no harm.
 * Rejects with the signal's reason; ends early after `milliseconds`.
 */
export async function emptyTrash(store: Store, limits: {readonly milliseconds?: number} = {}): Promise<Emptied> {
  const trash = join(store.root, 'trash');
  const names = namesIn(trash);
  if (names.length === 0) return {left: 0};
  const real = realpathSync(trash);
  unmountAll(mountsBelow(real));
  // Never into what is still mounted: those are the files of someone else.
  const mounted = mountsBelow(real).map((path) => path.slice(real.length + 1));
  const free = names.filter((name) => !mounted.some((path) => path === name || path.startsWith(`${name}/`)));
  const end = performance.now() + (limits.milliseconds ?? Infinity);
  const queue = free.map((name) => join(trash, name));
  let left = names.length - free.length;
  let calls = 0;
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (performance.now() > end) return {left: left + queue.length + 1};
    for (const found of deleteOne(path, trash)) {
      if (found.kind === 'moved') queue.push(found.path);
      else if (found.kind === 'refused') left++;
      calls++;
      if (calls % atOnce === 0) {
        await nextTurn();
        store.signal.throwIfAborted();
      }
    }
  }
  return {left};
}

type Deleted = {readonly kind: 'deleted' | 'refused'} | {readonly kind: 'moved'; readonly path: string};

function* deleteOne(path: string, trash: string): Generator<Deleted, void, undefined> {
  if (lstatSync(path, {throwIfNoEntry: false})?.isDirectory() !== true) {
    yield refusable(() => unlinkSync(path));
    return;
  }
  try {
    // As an ordinary user: a directory without write permission lets nothing go.
    chmodSync(path, 0o700);
  } catch {
    // Of another user: said below.
  }
  let refused = false;
  for (const entry of list(path)) {
    // Names are bytes: not every one is UTF-8.
    const child = Buffer.concat([Buffer.from(`${path}/`), entry.name]);
    const target = join(trash, randomName(8));
    const result = entry.isDirectory() ? moved(child, target) : refusable(() => unlinkSync(child));
    refused ||= result.kind === 'refused';
    yield result;
  }
  if (!refused) yield refusable(() => rmdirSync(path));
}

function list(path: string) {
  try {
    return readdirSync(path, {encoding: 'buffer', withFileTypes: true});
  } catch (error) {
    if (isMissing(error) || isRefusal(error)) return [];
    throw error;
  }
}

function moved(child: Buffer, target: string): Deleted {
  const rename = () => renameSync(child, target);
  let result = refusable(rename);
  if (result.kind === 'refused') {
    result = refusable(() => {
      chmodSync(child, 0o700);
      rename();
    });
  }
  return result.kind === 'refused' ? result : {kind: 'moved', path: target};
}

function refusable(action: () => void): Deleted {
  try {
    action();
    return {kind: 'deleted'};
  } catch (error) {
    if (isMissing(error)) return {kind: 'deleted'};
    if (isRefusal(error)) return {kind: 'refused'};
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  return hasErrno(error, 'EACCES', 'EPERM', 'EBUSY', 'EROFS', 'ENOTEMPTY');
}
