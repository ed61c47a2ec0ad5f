import {chmodSync, lstatSync, readdirSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {BuildError, hasErrno} from '../../base/errors.js';

export interface TemporaryDirectory {
  readonly path: string;
  /** Idempotent. */
  remove(): Promise<void>;
}

/** A new directory that only this user may enter. Rejects with NO_SPACE or IO. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  let path: string;
  try {
    path = await mkdtemp(join(tmpdir(), 'build-image-context-'));
  } catch (error) {
    const code = hasErrno(error, 'ENOSPC', 'EDQUOT') ? 'NO_SPACE' : 'IO';
    throw new BuildError(code, `cannot make a temporary directory in ${tmpdir()}`, {
      cause: error,
      remedy: 'Free space there, or point TMPDIR to a directory with space.',
    });
  }
  return {
    path,
    async remove() {
      try {
        await rm(path, {recursive: true, force: true});
      } catch (error) {
        if (!hasErrno(error, 'EACCES', 'EPERM', 'ENOTEMPTY')) throw error;
        // Directories of the archive that even their owner may not write to.
        unlock(path);
        await rm(path, {recursive: true, force: true});
      }
    },
  };
}

function unlock(directory: string): void {
  chmodSync(directory, 0o700);
  for (const name of readdirSync(directory)) {
    const below = join(directory, name);
    if (lstatSync(below).isDirectory()) unlock(below);
  }
}
