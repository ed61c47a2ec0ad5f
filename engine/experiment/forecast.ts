import {readPast} from '../job/past.js';
import {keysOf, projectOf} from '../job/project.js';
import {planSteps} from '../plan/steps.js';
import {pastDurations} from '../store/history.js';
import type {PlannedVariant} from './plan-experiment.js';
import type {StepForecast} from './preview.js';

/** Seconds that a step of a variant took in earlier builds, by its id; undefined where it never ran. */
export type SecondsOf = (variant: PlannedVariant, id: string) => number | undefined;

/** What earlier builds say of the variants' steps, which are of one project. Rejects only with the signal's reason. */
export async function readSeconds(
  root: string,
  variants: readonly PlannedVariant[],
  signal: AbortSignal,
): Promise<SecondsOf> {
  const [first] = variants;
  if (first === undefined) return () => undefined;
  const seconds = await pastDurations(root, signal, projectOf(first.job));
  const keys = new Map(variants.map((one) => [one, keysOf(one.plan)] as const));
  return (variant, id) => seconds.get(keys.get(variant)?.get(id) ?? '');
}

/** The same, and whether a step is there already as far as is known. */
export async function readForecasts(
  root: string,
  variants: readonly PlannedVariant[],
  signal: AbortSignal,
): Promise<(variant: PlannedVariant, id: string) => StepForecast> {
  const found = new Map<PlannedVariant, ReadonlyMap<string, StepForecast>>();
  for (const one of variants) {
    const {predictions} = await readPast(root, one.job, one.plan, undefined, signal);
    const steps = planSteps(one.plan.graph).map((step): [string, StepForecast] => {
      const {cached = 'unknown', seconds = null} = predictions.get(step.id) ?? {};
      return [step.id, {cached, seconds: seconds ?? undefined}];
    });
    found.set(one, new Map(steps));
  }
  return (variant, id) => found.get(variant)?.get(id) ?? {cached: 'unknown', seconds: undefined};
}
