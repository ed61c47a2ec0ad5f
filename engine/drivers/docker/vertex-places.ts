import type {SourceRange} from '../../base/errors.js';
import type {Plan} from '../../plan/plan.js';

/** Where in the Dockerfile a step of the daemon comes from. */
export interface Place {
  /** Name of the stage, or its index. */
  readonly stage: string;
  readonly line: number | undefined;
  readonly range: SourceRange | undefined;
}

const bracketed = /^\[([^\]]+?)\s+(\d+)\/(\d+)\]\s/;
const platformWord = /^[a-z0-9]+\/[a-z0-9]+(?:\/v\d+)?\s+/;

/** Finds the stage and line of a step by the name BuildKit gives it: `[builder 3/7] RUN make`. */
export function placesOf(plan: Plan): (name: string) => Place | undefined {
  const byBracket = new Map<string, Place>();
  const stages = new Map<string, Place>();
  for (const stage of plan.graph.stages) {
    const label = stage.name ?? String(stage.index);
    const from: Place = {stage: label, line: stage.line, range: {start: stage.line, end: stage.line}};
    stages.set(stage.name ?? `stage-${stage.index}`, from);
    for (const step of stage.steps) {
      const bracket = bracketOf(step.name);
      // A step that only changes the config has no work of its own in BuildKit.
      if (bracket === undefined || step.operation.kind === 'config') continue;
      byBracket.set(bracket, {stage: label, line: step.line, range: step.range});
    }
  }
  return (name) => {
    const bracket = bracketOf(name);
    if (bracket === undefined) return undefined;
    const [, stage = ''] = /^(\S+) \d/.exec(bracket) ?? [];
    const only = plan.graph.stages.length === 1 ? [...stages.values()][0] : undefined;
    const from = stages.get(stage) ?? only ?? unnamedStage(plan);
    if (/^\[[^\]]*\] FROM /.test(name)) return from;
    return (
      byBracket.get(bracket) ??
      byBracket.get(`stage-0 ${bracket}`) ??
      (from && {...from, line: undefined, range: undefined})
    );
  };
}

// Where one stage is left and it has no name, BuildKit names none.
function unnamedStage(plan: Plan): Place | undefined {
  const stage = plan.graph.stages[plan.graph.target];
  if (stage === undefined) return undefined;
  return {stage: stage.name ?? String(stage.index), line: stage.line, range: {start: stage.line, end: stage.line}};
}

/** `builder 3/7`, or undefined for work that is no step of the Dockerfile (`[internal] …`, `exporting …`). */
function bracketOf(name: string): string | undefined {
  const match = bracketed.exec(name) ?? /^\[(\d+)\/(\d+)\]\s/.exec(name);
  if (match === null) return undefined;
  if (match.length === 3) return `${match[1] ?? ''}/${match[2] ?? ''}`;
  return `${(match[1] ?? '').replace(platformWord, '')} ${match[2] ?? ''}/${match[3] ?? ''}`;
}
