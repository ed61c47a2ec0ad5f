import {BuildError} from '../../../base/errors.js';
import type {EventSink} from '../../../progress/events.js';
import type {Plan} from '../../../plan/plan.js';
import type {Source} from '../../../stages/graph.js';
import type {Store} from '../../../store/store.js';
import type {BuildRequest} from '../../driver.js';
import {sourceId} from './solver.js';
import {emptyTree, type Tree} from './tree.js';

/** File systems that come from outside: base images and named contexts. */
export interface BaseTrees {
  tree(source: Source): Promise<Tree>;
}

export function createBaseTrees(
  store: Store,
  plan: Plan,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
): BaseTrees {
  const known = new Map<string, Promise<Tree>>();
  return {
    tree(source) {
      const id = sourceId(source);
      const found = known.get(id) ?? make(source);
      known.set(id, found);
      return found;
    },
  };

  function make(source: Source): Promise<Tree> {
    void [store, plan, request, events, signal];
    if (source.kind === 'scratch') return Promise.resolve(emptyTree);
    return Promise.reject(new BuildError('UNSUPPORTED', `${sourceId(source)} cannot be read yet`));
  }
}
