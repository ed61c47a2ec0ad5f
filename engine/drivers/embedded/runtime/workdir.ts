import {chownSync, mkdirSync} from 'node:fs';
import {dirname} from 'node:path';
import {BuildError, quote} from '../../../base/errors.js';
import {hostPathInRoot, statInRoot} from '../../../snapshot/in-root.js';

/** `/proc/1/cwd`, `/proc/self/fd/7`: names that lead to whatever a process has open, in its own root or not. */
const processLinks =
  /^\/proc\/(?:self|thread-self|\d+)(?:\/task\/\d+)?\/(?:fd|fdinfo|cwd|root|exe|map_files|ns)(?:\/|$)/;

const leadsToProcess = (path: string): boolean =>
  path.includes('proc') && processLinks.test(path.replace(/\/+(\.?\/+)*/g, '/'));

/**
 * Makes the step's working directory where it is missing, for the step's user, as BuildKit does. Throws STEP_FAILED where it
 * is no directory, or leads out of the container through the descriptors of a process.
 */
export function makeWorkdir(root: string, workdir: string, owner: {readonly uid: number; readonly gid: number}): void {
  const inside = hostPathInRoot(root, workdir);
  if ([workdir, inside.slice(root.length)].some(leadsToProcess)) {
    throw new BuildError('STEP_FAILED', `the working directory ${quote(workdir)} is inside another process`, {
      remedy: 'Use a directory of the image.',
    });
  }
  const missing: string[] = [];
  let found = statInRoot(inside);
  for (let path = inside; found === undefined; found = statInRoot(path)) {
    missing.push(path);
    path = dirname(path);
  }
  if (!found.isDirectory()) {
    throw new BuildError('STEP_FAILED', `the working directory ${quote(workdir)} is not a directory`, {
      remedy: 'Change WORKDIR, or remove what is at that path.',
    });
  }
  for (const path of missing.reverse()) {
    mkdirSync(path, {mode: 0o755});
    chownSync(path, owner.uid, owner.gid);
  }
}
