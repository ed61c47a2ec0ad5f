import {mkdirSync, statSync} from 'node:fs';
import {dirname} from 'node:path';
import {hasErrno} from './errors.js';

/**
 * `mkdir -p`. Idempotent; throws the system's error. Node's own `recursive` never ends below a directory such as /proc in which
 * nothing can be made, and says that nothing is there where a file system is read-only.
 */
export function makeDirectories(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, mode);
  } catch (error) {
    const above = dirname(path);
    if (hasErrno(error, 'EEXIST') && isDirectory(path)) return;
    if (!hasErrno(error, 'ENOENT') || above === path || isDirectory(above)) {
      // Some file systems refuse a name that is there with another error.
      if (isDirectory(path)) return;
      throw error;
    }
    makeDirectories(above, mode);
    makeDirectories(path, mode);
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, {throwIfNoEntry: false})?.isDirectory() === true;
  } catch {
    return false;
  }
}
