import type {PlannedStep} from './step-keys.js';

/**
 * Seconds along the longest chain of steps: what a build takes that has nothing cached and enough hands. Undefined where the
 * time of a step is not known.
 */
export function chainSeconds(
  steps: readonly PlannedStep[],
  secondsOf: (key: string) => number | undefined,
): number | undefined {
  const ends = new Map<string, number>();
  let longest = 0;
  for (const {key, needs} of steps) {
    const own = secondsOf(key);
    if (own === undefined) return undefined;
    const end = own + Math.max(0, ...needs.map((need) => ends.get(need) ?? 0));
    ends.set(key, end);
    longest = Math.max(longest, end);
  }
  return longest;
}
