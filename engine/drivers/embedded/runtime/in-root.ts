import {lstatSync, readlinkSync} from 'node:fs';
import {join} from 'node:path';
import {BuildError, hasErrno, quote} from '../../../base/errors.js';

/** As many as the kernel follows. */
const mostLinks = 40;

/**
 * The host's path of `path` in a container whose `/` is `root`: each component looked at, symlinks followed with `root` as
 * their `/`, `..` never above it. What does not exist is taken as written. Throws STEP_FAILED where links go in a circle.
 * Nothing else may change the tree meanwhile.
 */
export function resolveInRoot(root: string, path: string): string {
  const left = components(path);
  const done: string[] = [];
  let links = 0;
  while (left.length > 0) {
    const name = left.shift() ?? '';
    if (name === '..') {
      done.pop();
      continue;
    }
    const target = linkTarget(join(root, ...done, name));
    if (target === undefined) {
      done.push(name);
      continue;
    }
    if (++links > mostLinks) {
      throw new BuildError('STEP_FAILED', `too many symbolic links in the path ${quote(path)} of the image`, {
        remedy: 'A symbolic link there leads to itself: remove it or use another path.',
      });
    }
    if (target.startsWith('/')) done.length = 0;
    left.unshift(...components(target));
  }
  return join(root, ...done);
}

const components = (path: string) => path.split('/').filter((name) => name !== '' && name !== '.');

/** Undefined where there is no symlink. */
function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
    throw error;
  }
}
