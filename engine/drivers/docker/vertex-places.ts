import type {SourceRange} from '../../base/errors.js';
import type {Plan} from '../../plan/plan.js';

/** Where in the Dockerfile a step of the daemon comes from. */
export interface Place {
  /** Of the plan's step; undefined where only its stage is known. */
  readonly id: string | undefined;
  /** Name of the stage, or its index. */
  readonly stage: string;
  readonly line: number | undefined;
  readonly range: SourceRange | undefined;
}

/** `[builder 3/7] RUN make`, `[linux/arm64 builder 3/7] …`, `[3/7] …`: a step of the Dockerfile. */
const stepName = /^\[(?:[a-z0-9]+\/[a-z0-9]+(?:\/v\d+)? )?(?:(\S+) +)?(\d+\/\d+)\] (.*)$/s;

/**
 * Finds the stage and line of a step by the name BuildKit gives it. The daemon's frontend may number and name stages a
 * little otherwise than the plan (it does not know a stage that a named context replaces), so the text counts first.
 */
export function placesOf(plan: Plan): (name: string) => Place | undefined {
  const byName = new Map<string, Place>();
  const byText = new Map<string, Place | undefined>();
  const byPosition = new Map<string, Place>();
  const stages = new Map<string, Place>();
  for (const stage of plan.graph.stages) {
    const label = stage.name ?? String(stage.index);
    stages.set(stage.name ?? `stage-${stage.index}`, {
      id: stage.fromId,
      stage: label,
      line: stage.line,
      range: {start: stage.line, end: stage.line},
    });
    for (const step of stage.steps) {
      const match = stepName.exec(step.name);
      // A step that only changes the config has no work of its own in BuildKit.
      if (match === null || step.operation.kind === 'config') continue;
      const place = {id: step.id, stage: label, line: step.line, range: step.range};
      const [, , position = '', text = ''] = match;
      byName.set(step.name, place);
      byText.set(text, byText.has(text) ? undefined : place);
      byPosition.set(`${stage.name ?? `stage-${stage.index}`} ${position}`, place);
    }
  }
  // Where one stage is left and has no name, BuildKit names none.
  const target = plan.graph.stages[plan.graph.target];
  const unnamed = target === undefined ? '' : (target.name ?? `stage-${target.index}`);
  return (name) => {
    const match = stepName.exec(name);
    if (match === null || match[1] === 'internal') return undefined;
    const [, stage = unnamed, position = '', text = ''] = match;
    const from = stages.get(stage);
    if (text.startsWith('FROM ')) return from;
    return (
      byName.get(name) ??
      byText.get(text) ??
      byPosition.get(`${stage} ${position}`) ??
      (from && {...from, id: undefined, line: undefined, range: undefined})
    );
  };
}
