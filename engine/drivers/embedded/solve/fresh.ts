import type {Stage} from '../../../stages/graph.js';
import type {BuildRequest} from '../../driver.js';

/** `--no-cache` and `--no-cache-filter`: the steps of the stage run, whatever the store has. */
export function isFreshStep(
  {noCache, noCacheFilter}: Pick<BuildRequest, 'noCache' | 'noCacheFilter'>,
  stage: Pick<Stage, 'name'>,
): boolean {
  return noCache || noCacheFilter.some((name) => name.toLowerCase() === stage.name);
}
