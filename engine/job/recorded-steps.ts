import type {Plan} from '../plan/plan.js';
import type {PlanStep} from '../plan/predict.js';
import {planSteps} from '../plan/steps.js';
import {shownBodies} from '../stages/step-text.js';
import type {RecordedStep} from '../store/build-record.js';
import {keysOf} from './project.js';

/** What became of a step of the plan, or will. */
export interface StepFate extends Pick<RecordedStep, 'cached' | 'failed' | 'start' | 'seconds' | 'cacheKey'> {
  /** Its id in the plan. */
  readonly id: string;
  /** As it was reported; undefined: as the plan calls it. */
  readonly name: string | undefined;
}

/** Steps as the history has them, in the order of `fates`; `redact` hides secrets. Causes are not looked for. */
export function recordedSteps(
  plan: Plan,
  fates: readonly StepFate[],
  redact: (text: string) => string,
): readonly RecordedStep[] {
  const planned = new Map(planSteps(plan.graph).map((step) => [step.id, step]));
  const known = new Set(fates.map(({id}) => id));
  const keys = keysOf(plan);
  return fates.flatMap(({id, name, ...fate}): readonly RecordedStep[] => {
    const of = planned.get(id);
    if (of === undefined) return [];
    const {stage, step} = of;
    const [before] = of.inputs;
    const instruction = (step?.statement ?? stage.statement).instruction;
    return [
      {
        id,
        key: keys.get(id) ?? '',
        // A name shows the command, and that the values of its arguments.
        name: redact(name ?? step?.name ?? stage.fromName ?? stage.fromText),
        stage: stage.label,
        line: step?.line ?? stage.line,
        instruction: step === undefined ? 'FROM' : instruction.keyword,
        text: redact(step?.text ?? stage.fromText),
        written: redact(instruction.original.trim() + shownBodies(instruction.heredocs)),
        ...fate,
        parent: before === undefined ? null : (recorded(before, planned, known)[0] ?? null),
        inputs: [...new Set(of.inputs.flatMap((input) => recorded(input, planned, known)))],
        causes: [],
      },
    ];
  });
}

/** The step, or past one that did nothing (it only changes the image config, or is FROM another stage) what it starts from. */
function recorded(id: string, planned: ReadonlyMap<string, PlanStep>, known: ReadonlySet<string>): readonly string[] {
  if (known.has(id)) return [id];
  const before = planned.get(id)?.inputs[0];
  return before === undefined ? [] : recorded(before, planned, known);
}
