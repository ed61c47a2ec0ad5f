import {availableParallelism} from 'node:os';
import {type CriticalPath, criticalPath, type TimedStep} from '../plan/critical-path.js';
import type {Plan} from '../plan/plan.js';
import type {Prediction} from '../plan/predict.js';
import {planSteps, workSteps} from '../plan/steps.js';
import type {PlanEstimate} from '../plan/report.js';
import type {Estimate} from '../progress/terminal.js';
import type {Durations} from './durations.js';

/** What is expected of the steps of a plan, by their ids. */
type Predictions = ReadonlyMap<string, Prediction>;

export interface EstimateParts {
  readonly plan: Plan;
  readonly predictions: Predictions;
  readonly overhead: Durations['overhead'];
  readonly driver: string;
  /** `--jobs`. */
  readonly jobs: number | undefined;
}

/** Steps of the embedded engine that run at once. */
const jobsOf = ({driver, jobs}: EstimateParts): number =>
  driver === 'embedded' ? (jobs ?? Math.max(2, availableParallelism())) : Infinity;

/** Steps with the time they will take; one that may come from the cache counts as if it ran. */
function timed({plan, predictions}: EstimateParts): readonly TimedStep[] {
  return planSteps(plan.graph).map(({id, inputs}) => {
    const known = predictions.get(id);
    const runs = known !== undefined && known.cached !== true;
    return {id, inputs, seconds: runs ? (known.seconds ?? 0) : 0};
  });
}

/** The longest chain, but no less than all steps one after the other on so many places. */
function span(steps: readonly TimedStep[], parts: EstimateParts): CriticalPath {
  const path = criticalPath(steps);
  const all = steps.reduce((sum, {seconds}) => sum + seconds, 0);
  return {...path, seconds: Math.max(path.seconds, all / jobsOf(parts))};
}

function willRun({plan, predictions}: EstimateParts): readonly string[] {
  return workSteps(plan.graph).flatMap(({id}) => {
    const known = predictions.get(id);
    return known === undefined || known.cached === true ? [] : [id];
  });
}

/** How long the build will take; undefined where no earlier build tells anything. */
export function estimateOf(parts: EstimateParts): PlanEstimate | undefined {
  const runs = willRun(parts);
  const unknown = runs.filter((id) => (parts.predictions.get(id)?.seconds ?? null) === null);
  if (runs.length > 0 && unknown.length === runs.length) return undefined;
  const path = span(timed(parts), parts);
  const overhead = runs.length > 0 ? parts.overhead.running : parts.overhead.cached;
  return {seconds: path.seconds + overhead, criticalPath: path.steps, unknown};
}

/** The same for the live view, which asks again as steps end. */
export function liveEstimate(parts: EstimateParts): Estimate | undefined {
  const whole = estimateOf(parts);
  if (whole === undefined) return undefined;
  const steps = timed(parts);
  const names = new Map(
    planSteps(parts.plan.graph).map(({id, step, stage}) => [step?.name ?? stage.fromName ?? id, id]),
  );
  const seconds = new Map(steps.map((step) => [step.id, step.seconds]));
  return {
    totalSeconds: whole.seconds,
    stepSeconds: (name) => seconds.get(names.get(name) ?? ''),
    remaining(ended, running) {
      const [done, going] = [new Map<string, number>(), new Map<string, number>()];
      for (const name of ended) done.set(names.get(name) ?? name, 0);
      for (const [name, elapsed] of running) going.set(names.get(name) ?? name, elapsed);
      const left = steps.map((step) => {
        const elapsed = done.has(step.id) ? Infinity : (going.get(step.id) ?? 0);
        return {...step, seconds: Math.max(0, step.seconds - elapsed)};
      });
      return span(left, parts).seconds;
    },
  };
}
