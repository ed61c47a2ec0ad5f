import type {Plan} from '../plan/plan.js';
import type {PlanStep, Prediction} from '../plan/predict.js';
import {planSteps} from '../plan/steps.js';
import type {Estimate} from '../progress/terminal.js';
import {planRedactor} from '../plan/secrets.js';
import {readHistory} from '../store/history.js';
import {type Durations, durationsOf} from './durations.js';
import {liveEstimate} from './estimate.js';
import {recordedSteps, type StepFate} from './recorded-steps.js';
import {type Job, keysOf, projectOf} from './project.js';

const mostRecords = 50;

/** What earlier builds of the same Dockerfile and context tell of the next one. */
export interface Past {
  readonly predictions: ReadonlyMap<string, Prediction>;
  readonly estimate: Estimate | undefined;
}

/** Of the builds with the same driver. Rejects only with the signal's reason. */
export async function readDurations(root: string, job: Job, driver: string, signal: AbortSignal): Promise<Durations> {
  const history = await readHistory(root, {project: projectOf(job), most: mostRecords}, signal).catch(() => undefined);
  signal.throwIfAborted();
  return durationsOf((history?.records ?? []).filter((record) => record.driver === driver));
}

/** Seconds that each step of a plan took, by its id. */
export function stepSeconds(plan: Plan, durations: Durations): (id: string) => number | undefined {
  const fates = planSteps(plan.graph).map(({id}): StepFate => {
    return {id, name: undefined, cached: false, failed: false, start: 0, seconds: 0, cacheKey: null};
  });
  const {redact} = planRedactor(plan.graph);
  const steps = new Map(recordedSteps(plan, fates, redact).map((step) => [step.id, step]));
  return (id) => {
    const step = steps.get(id);
    return step === undefined ? undefined : durations.secondsOf(step);
  };
}

/** What earlier builds tell without a look at the files; without any nothing is predicted. Without a driver: of any. */
export async function readPast(
  root: string,
  job: Job,
  plan: Plan,
  driver: string | undefined,
  signal: AbortSignal,
): Promise<Past> {
  const history = await readHistory(root, {project: projectOf(job), most: mostRecords}, signal).catch(() => undefined);
  signal.throwIfAborted();
  const records = (history?.records ?? []).filter((record) => driver === undefined || record.driver === driver);
  const succeeded = records.flatMap(({steps}) => steps.filter(({failed}) => !failed));
  const done = new Set(succeeded.map(({key}) => key));
  const durations = durationsOf(records);
  const predictions = predictedByText(plan, keysOf(plan), done, stepSeconds(plan, durations));
  const {overhead} = durations;
  return {
    predictions,
    estimate: liveEstimate({plan, predictions, overhead, driver: driver ?? '', jobs: job.settings.jobs}),
  };
}

/**
 * A daemon does not tell what it has cached. A step whose instructions ran before, and which reads no file of the
 * context, is taken to be cached; where files are read it is not known; a text that never ran will run.
 */
function predictedByText(
  plan: Plan,
  keys: ReadonlyMap<string, string>,
  done: ReadonlySet<string>,
  secondsOf: (id: string) => number | undefined,
): ReadonlyMap<string, Prediction> {
  const found = new Map<string, Prediction>();
  if (done.size === 0) return found;
  for (const step of planSteps(plan.graph)) {
    if (step.step?.operation.kind === 'config') continue;
    const before = step.inputs.map((id) => found.get(id)).filter((each) => each !== undefined);
    const [cached, reason] = verdict(step, before, done.has(keys.get(step.id) ?? ''));
    found.set(step.id, {key: null, cached, reason, seconds: secondsOf(step.id) ?? null});
  }
  return found;
}

function verdict(step: PlanStep, before: readonly Prediction[], ranBefore: boolean): [Prediction['cached'], string] {
  if (step.step === undefined) {
    return before.length > 0
      ? [before[0]?.cached ?? 'unknown', 'as the stage it starts from']
      : [true, 'unless the base image changed'];
  }
  if (!ranBefore) return [false, 'these instructions have not run before'];
  if (before.some(({cached}) => cached === false)) return [false, 'a step before it runs'];
  const {operation} = step.step;
  const readsContext =
    (operation.kind === 'copy' || operation.kind === 'add') && operation.source.kind === 'main-context';
  if (readsContext) return ['unknown', 'the same instructions ran before; it depends on the files it copies'];
  if (before.some(({cached}) => cached === 'unknown')) return ['unknown', 'it depends on the steps before it'];
  return [true, 'the same instructions ran before'];
}
