import type {Plan} from '../plan/plan.js';
import type {PlanStep, Predict, Prediction} from '../plan/predict.js';
import {planSteps} from '../plan/steps.js';
import type {Estimate} from '../progress/terminal.js';
import {pastDurations, readHistory} from '../store/history.js';
import {type Job, keysOf, projectOf} from './project.js';

/** What earlier builds of the same Dockerfile and context tell of the next one. */
export interface Past {
  readonly predict: Predict;
  readonly estimate: Estimate | undefined;
}

/** Reads the history below `root`; without one nothing is predicted. Rejects only with the signal's reason. */
export async function readPast(root: string, job: Job, plan: Plan, signal: AbortSignal): Promise<Past> {
  const project = projectOf(job);
  const seconds = await pastDurations(root, signal, project);
  const history = await readHistory(root, {project, most: 20}, signal).catch(() => undefined);
  signal.throwIfAborted();
  const done = new Set((history?.records ?? []).flatMap(({steps}) => steps.map(({key}) => key)));
  const keys = keysOf(plan);
  const secondsOf = (id: string): number | undefined => seconds.get(keys.get(id) ?? '');
  const predicted = predictions(plan, keys, done, secondsOf);
  return {
    predict: ({id}) => predicted.get(id),
    estimate: estimateOf(plan, predicted),
  };
}

/**
 * A daemon does not tell what it has cached. A step whose instructions ran before, and which reads no file of the
 * context, is taken to be cached; where files are read it is not known; a text that never ran will run.
 */
function predictions(
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

/** Seconds by step name, for the progress display; the total is that of the steps that will run for sure or perhaps. */
function estimateOf(plan: Plan, predicted: ReadonlyMap<string, Prediction>): Estimate | undefined {
  const byName = new Map<string, number>();
  for (const {id, step} of planSteps(plan.graph)) {
    const prediction = predicted.get(id);
    if (step === undefined || prediction === undefined) continue;
    if (prediction.cached === true) byName.set(step.name, 0);
    else if (prediction.seconds !== null) byName.set(step.name, prediction.seconds);
  }
  if (byName.size === 0) return undefined;
  const totalSeconds = [...byName.values()].reduce((sum, each) => sum + each, 0);
  return {totalSeconds, stepSeconds: (name) => byName.get(name)};
}
