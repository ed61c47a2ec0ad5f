import type {BuildRecord, Cause, RecordedStep} from '../../store/build-record.js';

/**
 * The steps of a build that ran only because of what `isRoot` says, or because one of those ran. `within` limits them
 * to steps of interest; a step in between that is not breaks the chain.
 */
export function rerunBecause(
  {steps}: Pick<BuildRecord, 'steps'>,
  isRoot: (step: RecordedStep, cause: Cause) => boolean,
  within: (step: RecordedStep) => boolean = () => true,
): readonly RecordedStep[] {
  const found = new Map<string, RecordedStep>();
  const follows = (cause: Cause): boolean => (cause.kind === 'step' || cause.kind === 'stage') && found.has(cause.name);
  // In the order they began: what a step waits for stands before it.
  for (const step of steps) {
    if (step.cached || step.failed || step.causes.length === 0 || !within(step)) continue;
    const isOf = step.causes.every((cause) => isRoot(step, cause) || follows(cause) || isOfStage(step, cause, found));
    if (isOf) found.set(step.id, step);
  }
  return [...found.values()];
}

/** Files of a stage that was built again. */
function isOfStage({inputs, parent}: RecordedStep, {kind}: Cause, found: ReadonlyMap<string, RecordedStep>): boolean {
  return kind === 'files' && inputs.some((id) => id !== parent && found.has(id));
}

export const secondsOf = (steps: readonly RecordedStep[]): number => steps.reduce((sum, {seconds}) => sum + seconds, 0);
