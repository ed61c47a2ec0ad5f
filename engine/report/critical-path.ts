import type {RecordedStep} from '../store/build-record.js';

type Timed = Pick<RecordedStep, 'id' | 'start' | 'seconds' | 'inputs'>;

/** Ids of the chain of steps that the build waited for: from the step that ended last, back by the input that ended last. */
export function criticalPath(steps: readonly Timed[]): readonly string[] {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const end = ({start, seconds}: Timed): number => start + seconds;
  const last = (among: readonly Timed[]): Timed | undefined =>
    among.reduce<Timed | undefined>(
      (best, step) => (best === undefined || end(step) > end(best) ? step : best),
      undefined,
    );
  const path: string[] = [];
  for (let step = last(steps); step !== undefined && !path.includes(step.id);) {
    path.unshift(step.id);
    step = last(step.inputs.flatMap((id) => byId.get(id) ?? []));
  }
  return path;
}
