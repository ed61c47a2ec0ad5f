/** A step with how long it takes; `inputs` are ids of steps that must have ended before. */
export interface TimedStep {
  readonly id: string;
  readonly seconds: number;
  readonly inputs: readonly string[];
}

export interface CriticalPath {
  readonly seconds: number;
  /** Ids of the steps on it that take time, the first one first. */
  readonly steps: readonly string[];
}

/**
 * The chain of steps that takes longest: a build cannot be shorter, however much runs side by side. Steps come after their
 * inputs; an input that is not there takes no time.
 */
export function criticalPath(steps: readonly TimedStep[]): CriticalPath {
  const ends = new Map<string, {readonly seconds: number; readonly before: string | undefined}>();
  let last: string | undefined;
  for (const {id, seconds, inputs} of steps) {
    let before: string | undefined;
    for (const input of inputs) {
      if (ends.has(input) && (ends.get(input)?.seconds ?? 0) > (ends.get(before ?? '')?.seconds ?? -1)) before = input;
    }
    ends.set(id, {seconds: (ends.get(before ?? '')?.seconds ?? 0) + seconds, before});
    if (last === undefined || (ends.get(id)?.seconds ?? 0) > (ends.get(last)?.seconds ?? 0)) last = id;
  }
  const path: string[] = [];
  const takes = new Map(steps.map(({id, seconds}) => [id, seconds]));
  for (let id = last; id !== undefined; id = ends.get(id)?.before) if ((takes.get(id) ?? 0) > 0) path.unshift(id);
  return {seconds: last === undefined ? 0 : (ends.get(last)?.seconds ?? 0), steps: path};
}
