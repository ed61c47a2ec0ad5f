import {statSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError, hasErrno} from '../base/errors.js';

/**
 * Throws IO where the store was made by another user than this process's: the files in it have the owners of that user's
 * images, which only that user's ids say, and what this one wrote the other could not read.
 */
export function assertOwnStore(root: string): void {
  const uid = process.getuid?.();
  const owner = ownerOf(root);
  if (uid === undefined || owner === undefined || owner === uid) return;
  throw new BuildError('IO', `the store belongs to another user (uid ${owner}, this one is ${uid})`, {
    file: root,
    remedy: 'Run as that user, or keep a store of your own with --root.',
  });
}

/** Whoever made its first directories; undefined where there is none yet. */
function ownerOf(root: string): number | undefined {
  for (const made of ['leases', 'history']) {
    try {
      const found = statSync(join(root, made), {throwIfNoEntry: false});
      if (found !== undefined) return found.uid;
    } catch (error) {
      // Others may not even look into it.
      if (hasErrno(error, 'EACCES')) return statSync(root, {throwIfNoEntry: false})?.uid;
      return undefined;
    }
  }
  return undefined;
}
