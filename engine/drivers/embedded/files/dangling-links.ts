import {BuildError} from '../../../base/errors.js';
import {isLink} from './file-stats.js';
import {decodePath, quotePath, shown} from './byte-path.js';
import type {PathPatterns} from './patterns.js';
import {resolve, targetOf} from './resolve.js';
import type {SourceTree} from './source-tree.js';

/**
 * With --exclude BuildKit looks behind the symlinks at the top of a source that is the whole tree: one that leads nowhere is an
 * error, unless it is excluded itself. Throws NOT_FOUND, and STEP_FAILED for a loop.
 */
export function refuseDanglingLinks(tree: SourceTree, exclude: PathPatterns | undefined): void {
  for (const name of tree.children('')) {
    const stats = tree.lookup(name);
    if (stats === undefined || !isLink(stats) || exclude?.match(decodePath(name), undefined).matched === true) continue;
    if (resolve(tree, name).stats !== undefined) continue;
    const target = targetOf(tree.root, name);
    throw new BuildError(
      'NOT_FOUND',
      `the symlink ${shown(name)} leads to ${quotePath(target)}, which is not in ${tree.name}`,
      {
        remedy: `Leave it out too: --exclude=${decodePath(name)}. BuildKit follows it where anything is excluded.`,
      },
    );
  }
}
