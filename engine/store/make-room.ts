import {statSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError} from '../base/errors.js';
import {emptyTrash} from './empty-trash.js';
import {namesIn, unlinkIfThere} from './files.js';
import type {Store} from './store.js';

/** Lock, lease and announcement of a prune, and their directories. */
const filesNeeded = 8;

/**
 * Runs `action`; where it finds no space, or no inode, for its own small files, what was thrown away is deleted first, and then
 * the records of a few steps that were not used for longest, which are run again when they are needed.
 */
export async function withRoom<T>(store: Store, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!isFull(error)) throw error;
  }
  // Needs no lock: two at once do no harm.
  await emptyTrash(store);
  try {
    return await action();
  } catch (error) {
    if (!isFull(error)) throw error;
  }
  for (const path of oldestRecords(store.root)) unlinkIfThere(path);
  return action();
}

const isFull = (error: unknown): boolean => error instanceof BuildError && error.code === 'NO_SPACE';

function oldestRecords(root: string): readonly string[] {
  const records = join(root, 'records');
  const paths = namesIn(records).flatMap((name) => namesIn(join(records, name)).map((key) => join(records, name, key)));
  return paths
    .map((path) => ({path, used: statSync(path, {throwIfNoEntry: false})?.mtimeMs ?? 0}))
    .sort((a, b) => a.used - b.used)
    .slice(0, filesNeeded)
    .map(({path}) => path);
}
