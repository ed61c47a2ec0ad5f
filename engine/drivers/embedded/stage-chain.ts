import type {Plan} from '../../plan/plan.js';
import type {Stage} from '../../stages/graph.js';

/** The target and the stages below it, the first one first. */
export function stageChain(plan: Plan): readonly Stage[] {
  const chain: Stage[] = [];
  let stage = plan.graph.stages[plan.graph.target];
  while (stage !== undefined) {
    chain.unshift(stage);
    stage = stage.base.kind === 'stage' ? plan.graph.stages[stage.base.index] : undefined;
  }
  return chain;
}
