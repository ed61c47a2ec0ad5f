import {posix} from 'node:path';
import {BuildError, quote} from '../../../base/errors.js';
import type {Mount} from '../../../stages/graph.js';

/**
 * Whether a cache begins with the files that `from` names. As with BuildKit a mode or an owner makes an empty directory of
 * its own instead, unless a directory below the root is named: that one keeps its mode and owner. Throws STEP_FAILED for a
 * source in nothing.
 */
export function beginsWithSource({from, source, mode, uid, gid}: Mount): boolean {
  const whole = posix.resolve('/', source) === '/';
  if (from !== undefined && from.kind !== 'scratch') return !whole || (mode ?? uid ?? gid) === undefined;
  if (whole) return false;
  throw new BuildError('STEP_FAILED', `the source ${quote(source)} of the cache mount does not exist: it has no from`, {
    remedy: 'The source of a cache mount is a path in the stage or context that `from` names.',
  });
}
