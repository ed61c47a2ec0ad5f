import {lstatSync, readdirSync, type Stats} from 'node:fs';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {hasErrno} from '../base/errors.js';
import {isMissing} from './files.js';
import type {Store} from './store.js';

/** What a file or tree takes on the disk, in bytes of its blocks. */
export interface Measured {
  /** What only it holds. */
  readonly own: number;
  /** Files with further hard links, here or elsewhere: bytes by `<device>:<inode>`. */
  readonly linked: ReadonlyMap<string, number>;
}

const atOnce = 2000;
const blockBytes = 512;

/**
 * Walks a tree without following symlinks. What vanishes or may not be read meanwhile counts as nothing, and so does what a step
 * left deeper than a path can say.
 */
export async function measureTree(store: Store, path: string): Promise<Measured> {
  const linked = new Map<string, number>();
  let own = 0;
  let calls = 0;
  const queue = [Buffer.from(path)];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const found = statOf(next);
    if (found === undefined) continue;
    const bytes = found.blocks * blockBytes;
    if (found.isDirectory() || found.nlink === 1) own += bytes;
    else linked.set(`${found.dev}:${found.ino}`, bytes);
    if (found.isDirectory()) for (const name of list(next)) queue.push(Buffer.concat([next, slash, name]));
    calls++;
    if (calls % atOnce === 0) {
      await nextTurn();
      store.signal.throwIfAborted();
    }
  }
  return {own, linked};
}

const slash = Buffer.from('/');

function statOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path, {throwIfNoEntry: false});
  } catch (error) {
    if (isMissing(error) || hasErrno(error, 'EACCES', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}

function list(path: Buffer): readonly Buffer[] {
  try {
    return readdirSync(path, {encoding: 'buffer'});
  } catch (error) {
    if (isMissing(error) || hasErrno(error, 'EACCES', 'ENAMETOOLONG')) return [];
    throw error;
  }
}
