export interface TimedStep {
  readonly name: string;
  readonly cached: boolean;
  readonly seconds: number;
}

export interface StepTimeChange {
  readonly name: string;
  /** Undefined: the step is not there, or was cached. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** What each step took in either build, in the order of the second; steps that ran in neither are left out. */
export function compareTimes(before: readonly TimedStep[], after: readonly TimedStep[]): readonly StepTimeChange[] {
  const taken = (steps: readonly TimedStep[]): ReadonlyMap<string, number> =>
    new Map(steps.filter(({cached}) => !cached).map(({name, seconds}) => [name, seconds]));
  const [old, now] = [taken(before), taken(after)];
  return [...new Set([...now.keys(), ...old.keys()])].map((name) => ({
    name,
    before: old.get(name),
    after: now.get(name),
  }));
}
