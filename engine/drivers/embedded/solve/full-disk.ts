import {statfsSync} from 'node:fs';
import {BuildError} from '../../../base/errors.js';

/** Below this a disk is full for whoever writes to it, bytes. */
const fullDisk = 256 * 1024;

/** The error of a step: NO_SPACE where the store's disk is full, of which the step itself says no more than `exit code: 1`. */
export function whyFailed(root: string, error: unknown): unknown {
  if (!(error instanceof BuildError) || error.code !== 'STEP_FAILED') return error;
  const {bfree, bsize, ffree, files} = statfsSync(root);
  if (bfree * bsize >= fullDisk && (files === 0 || ffree > 0)) return error;
  return new BuildError('NO_SPACE', `no space is left in ${root}: ${error.message}`, {
    ...error.details,
    remedy: 'Free space, such as with "build-image prune --all", or give another place with --root.',
    cause: error,
  });
}
