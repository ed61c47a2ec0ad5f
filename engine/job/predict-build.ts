import type {BuildRequest, Driver, PredictedStep} from '../drivers/driver.js';
import type {Plan} from '../plan/plan.js';
import type {Prediction, PlanStep} from '../plan/predict.js';
import {planRedactor} from '../plan/secrets.js';
import {planSteps} from '../plan/steps.js';
import {readHistory} from '../store/history.js';
import {causesOf, pastOf} from './explain/causes-of.js';
import {type Job, projectOf} from './project.js';
import type {PreparedJob} from './prepare.js';
import {recordedSteps, type StepFate} from './recorded-steps.js';
import {shownFacts} from './step-facts.js';
import {requestFor} from './run.js';

type Predicted = ReadonlyMap<string, PredictedStep>;

/**
 * What a build would do with each step of the plan, and why, by the step's id. With the embedded engine as its store has
 * it; with a daemon as its builds in the history went. Rejects only with the signal's reason.
 */
export async function predictSteps(
  root: string,
  job: PreparedJob,
  plan: Plan,
  driver: Driver,
  secondsOf: (id: string) => number | undefined,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Prediction>> {
  const request = requestFor(job, plan, () => Promise.resolve(undefined));
  const predicted = await predictedBy(root, job, plan, driver, request, signal);
  const {redact} = planRedactor(plan.graph);
  const fates = [...predicted].map(([id, {key, cached}]): StepFate => {
    return {id, name: undefined, cached: cached !== false, failed: false, start: 0, seconds: 0, cacheKey: key};
  });
  const steps = recordedSteps(plan, fates, redact);
  const build = {driver: driver.name, steps, facts: shownFacts(plan, predicted)};
  const causes = await pastOf(root, job, driver.name, Date.now(), signal)
    .then((past) => causesOf(past, job, plan, build))
    .catch(() => {
      signal.throwIfAborted();
      return new Map<string, never>();
    });
  const found = new Map<string, Prediction>();
  for (const step of planSteps(plan.graph)) {
    const {id, stage, step: instruction} = step;
    const known = predicted.get(id);
    const seconds = secondsOf(id) ?? null;
    const needed = stage.reachable || request.keepStages.includes(stage.index);
    if (instruction?.operation.kind === 'config') continue;
    if (!needed) {
      found.set(id, {key: null, cached: 'unknown', reason: 'the target does not need it', seconds});
    } else if (known !== undefined) {
      const because = (causes.get(id) ?? []).map(({text, advice}) =>
        advice === undefined ? text : `${text}: ${advice}`,
      );
      const reason = reasonOf(step, known.cached, because, found);
      found.set(id, {key: known.key, cached: known.cached, reason, seconds});
    } else if (instruction === undefined) {
      const before = stage.base.kind === 'stage' ? found.get(step.inputs[0] ?? '') : undefined;
      const cached = before?.cached ?? (plan.bases.size > 0 || stage.base.kind === 'scratch' ? true : 'unknown');
      found.set(id, {key: null, cached, reason: before === undefined ? null : 'as the stage it starts from', seconds});
    }
  }
  return found;
}

function reasonOf(
  {inputs}: PlanStep,
  cached: Prediction['cached'],
  because: readonly string[],
  before: ReadonlyMap<string, Prediction>,
): string {
  if (cached === true) return 'unchanged';
  if (cached === false) return because.length === 0 ? 'its result is not in the cache' : because.join('; and ');
  const open = inputs.find((id) => before.get(id)?.cached !== true);
  return open === undefined ? 'it depends on what a step before it makes' : `it depends on what step ${open} makes`;
}

async function predictedBy(
  root: string,
  job: PreparedJob,
  plan: Plan,
  driver: Driver,
  request: BuildRequest,
  signal: AbortSignal,
): Promise<Predicted> {
  if (driver.predict !== undefined) return driver.predict(plan, request, signal);
  return predictedDaemon(root, job, plan, driver.name, request, signal);
}

/** A daemon does not tell what it has cached: what ran before with the same key is taken to be there. */
async function predictedDaemon(
  root: string,
  job: Job,
  plan: Plan,
  driver: Driver['name'],
  request: BuildRequest,
  signal: AbortSignal,
): Promise<Predicted> {
  const {daemonFacts} = await import('./daemon-facts.js');
  const facts = await daemonFacts(root, plan, request, signal);
  const {records} = await readHistory(root, {project: projectOf(job)}, signal);
  const epoch = request.buildArgs.get('SOURCE_DATE_EPOCH');
  const sameEpoch = records.some(({args}) => args.find(({name}) => name === 'SOURCE_DATE_EPOCH')?.value === epoch);
  // Whether it counts depends on the daemon.
  const hit = epoch === undefined || sameEpoch ? true : 'unknown';
  const seen = new Set(
    records
      .filter((record) => record.driver === driver)
      .flatMap(({steps}) => steps.flatMap(({failed, cacheKey}) => (failed || cacheKey === null ? [] : [cacheKey]))),
  );
  const found = new Map<string, PredictedStep>();
  for (const {id, stage, step, inputs} of planSteps(plan.graph)) {
    const known = facts.get(id);
    if (known === undefined || step === undefined) continue;
    const key = known.key.replace('sha256:', '');
    const fresh = request.noCache || request.noCacheFilter.some((name) => name.toLowerCase() === stage.name);
    found.set(id, {key, parts: known.parts, cached: fresh ? false : seen.has(key) ? hit : missed(inputs, found)});
  }
  return found;

  /** What a stage makes may be what it made before, whatever ran: of that the daemon goes by the content. */
  function missed(inputs: readonly string[], before: Predicted): PredictedStep['cached'] {
    const [parent = '', ...sources] = inputs;
    if (stateOf(parent, before) === false) return false;
    const states = sources.map((id) => stateOf(id, before));
    const open = stateOf(parent, before) === 'unknown' || states.some((state) => state !== true);
    return open ? 'unknown' : false;
  }

  /** Past the instructions that do nothing. */
  function stateOf(id: string, before: Predicted): PredictedStep['cached'] {
    const known = before.get(id);
    if (known !== undefined) return known.cached;
    const up = planSteps(plan.graph).find((step) => step.id === id)?.inputs[0];
    return up === undefined ? true : stateOf(up, before);
  }
}
