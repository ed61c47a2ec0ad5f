import type {Source, Stage, StageGraph} from '../stages/graph.js';
import type {PlanStep} from './predict.js';

function lastStep(stage: Stage): string {
  return stage.steps.at(-1)?.id ?? stage.fromId;
}

/** Every step of the graph, stage by stage, with the ids of what it needs: all of them stand before it. */
export function planSteps(graph: StageGraph): readonly PlanStep[] {
  const last = (source: Source): readonly string[] => {
    const stage = source.kind === 'stage' ? graph.stages[source.index] : undefined;
    return stage === undefined ? [] : [lastStep(stage)];
  };
  return graph.stages.flatMap((stage) => {
    const from: PlanStep = {
      id: stage.fromId,
      stage,
      step: undefined,
      inputs: stage.base.kind === 'scratch' ? [] : last(stage.base),
    };
    let before = stage.fromId;
    const steps = stage.steps.map((step): PlanStep => {
      const inputs = [...new Set([before, ...step.reads.flatMap(last)])];
      before = step.id;
      return {id: step.id, stage, step, inputs};
    });
    return [from, ...steps];
  });
}

/** A step that does something: its result is made, or comes from a cache. */
export type WorkStep = PlanStep & {readonly step: NonNullable<PlanStep['step']>};

export function workSteps(graph: StageGraph): readonly WorkStep[] {
  return planSteps(graph).flatMap(({step, ...rest}) =>
    step === undefined || step.operation.kind === 'config' || !rest.stage.reachable ? [] : [{...rest, step}],
  );
}
