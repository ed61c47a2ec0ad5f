import {basename} from 'node:path';
import type {Artifact} from '../artifacts/artifact.js';
import {BuildError, messageOf} from '../base/errors.js';
import type {Built} from '../drivers/driver.js';
import {formatPlatform} from '../oci/platform.js';
import type {Plan} from '../plan/plan.js';
import {looksSecret, planRedactor} from '../plan/secrets.js';
import type {StepSummary} from '../progress/collect-steps.js';
import type {BuildOutcome, NewBuildRecord, RecordedStep, RecordedValue} from '../store/build-record.js';
import {factsName, hasFacts, writeFacts} from '../store/facts.js';
import {recordBuild} from '../store/history.js';
import type {EarlierBuilds} from './explain/explain-steps.js';
import {projectOf} from './project.js';
import type {PreparedJob} from './prepare.js';
import {requestFor} from './run.js';
import {recordedSteps, type StepFate} from './recorded-steps.js';
import {hiddenValue, shownFacts, type StepFacts} from './step-facts.js';

/** How a build ended. */
export interface EndedBuild {
  readonly driver: string;
  readonly outcome: BuildOutcome;
  readonly summary: StepSummary;
  readonly result: {readonly built: Built; readonly artifacts: readonly Artifact[]} | undefined;
  readonly error: unknown;
  /** Hides the values of secrets that were given. */
  readonly redact: (text: string) => string;
  /** `pastOf`, where somebody has asked while the build ran. */
  readonly past?: Promise<EarlierBuilds> | undefined;
  /** `recordSteps`, where all steps had ended before the build did. */
  readonly begun?: Promise<StepsOfRecord> | undefined;
}

/** What the record says of the steps; their facts are written. */
export interface StepsOfRecord {
  /** How many steps, and keys, it was made of. */
  readonly size: number;
  readonly steps: readonly RecordedStep[];
  /** Name of the facts. */
  readonly facts: string;
}

export interface Remembered {
  /** Undefined where it could not be kept. */
  readonly id: string | undefined;
  /** For the user, where it could not. */
  readonly note: string | undefined;
  readonly record: NewBuildRecord;
}

/** Adds the build to the history below `root`. Rejects only with the signal's reason. */
export async function rememberBuild(
  root: string,
  job: PreparedJob,
  plan: Plan,
  ended: EndedBuild,
  signal: AbortSignal,
): Promise<Remembered> {
  const {summary, result} = ended;
  const redact = redactorOf(plan, ended);
  const begun = await ended.begun?.catch(() => undefined);
  const {steps, facts} = begun?.size === sizeOf(summary) ? begun : await recordSteps(root, job, plan, ended, signal);
  const {settings} = job;
  const project = projectOf(job);
  const record: NewBuildRecord = {
    ...project,
    contextName: project.place.startsWith('/') ? basename(project.place) : project.place,
    target: plan.graph.stages[plan.graph.target]?.label ?? '',
    platform: formatPlatform(plan.graph.platform),
    driver: ended.driver,
    seconds: summary.seconds,
    outcome: ended.outcome,
    error: errorOf(ended, steps, redact),
    args: settings.buildArgs.map((arg) => overrideOf({...arg, stage: undefined}, redact)),
    env: settings.envOverrides.map((override) => overrideOf({...override, origin: 'env-override'}, redact)),
    fresh: {all: settings.noCache, stages: settings.noCacheFilter},
    image:
      result === undefined
        ? null
        : {configDigest: result.built.configDigest ?? null, manifestDigest: result.built.manifestDigest ?? null},
    tags: result?.built.tags ?? [],
    artifacts: (result?.artifacts ?? []).map(({path, sha256, size, package: deb, version, architecture}) => {
      return {path, sha256, bytes: size, package: deb, version, architecture};
    }),
    layers: (result?.built.layers ?? []).map(({step, diffId, bytes}) => {
      return {step: step ?? null, diffId: diffId ?? null, bytes};
    }),
    facts,
    steps,
  };
  const recorded = recordBuild(root, record, new Date(), signal);
  const {id, note} = recorded.written ? {id: recorded.id, note: undefined} : {id: undefined, note: recorded.note};
  return {id, note, record};
}

const sizeOf = ({steps, keys}: StepSummary): number => steps.length + keys.size;

function redactorOf(plan: Plan, {redact}: Pick<EndedBuild, 'redact'>): (text: string) => string {
  const ofPlan = planRedactor(plan.graph);
  return (text) => ofPlan.redact(redact(text));
}

/** The steps that have ended, with why they ran. Rejects only with the signal's reason. */
export async function recordSteps(
  root: string,
  job: PreparedJob,
  plan: Plan,
  build: Pick<EndedBuild, 'driver' | 'summary' | 'redact' | 'past'>,
  signal: AbortSignal,
): Promise<StepsOfRecord> {
  const {summary} = build;
  const facts = await factsOf(root, job, plan, build, signal);
  const plain = recordedSteps(plan, fatesOf(summary, facts), redactorOf(plan, build));
  const name = factsName(plain.map(({id, cacheKey}) => [id, cacheKey ?? '']));
  const steps = await explained(root, job, plan, build, plain, facts, signal);
  try {
    if (!hasFacts(root, name)) await writeFacts(root, name, shownFacts(plan, facts));
  } catch {
    // Without them `explain` says less; recording tells why nothing can be written.
  }
  return {size: sizeOf(summary), steps, facts: name};
}

/** The steps with why they ran. A build that the cache answered has nothing to explain. */
async function explained(
  root: string,
  job: PreparedJob,
  plan: Plan,
  {driver, past, summary}: Pick<EndedBuild, 'driver' | 'past' | 'summary'>,
  steps: readonly RecordedStep[],
  facts: ReadonlyMap<string, StepFacts>,
  signal: AbortSignal,
): Promise<readonly RecordedStep[]> {
  if (steps.every(({cached}) => cached)) return steps;
  try {
    const {causesOf, pastOf} = await import('./explain/causes-of.js');
    const began = Date.now() - summary.seconds * 1000;
    const earlier = await (past ?? pastOf(root, job, driver, began, signal));
    const causes = causesOf(earlier, job, plan, {driver, steps, facts: shownFacts(plan, facts)});
    return steps.map((step) => ({...step, causes: causes.get(step.id) ?? []}));
  } catch {
    signal.throwIfAborted();
    // Nobody asked for it yet: the build counts.
    return steps;
  }
}

/** Keys and what they were made of: those of the driver where it tells them, else what this tool takes for them. */
async function factsOf(
  root: string,
  job: PreparedJob,
  plan: Plan,
  {driver, summary}: Pick<EndedBuild, 'driver' | 'summary'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StepFacts>> {
  if (driver === 'embedded') {
    return new Map([...summary.keys].map(([id, {key, parts}]) => [id, {key, parts}] as const));
  }
  const {daemonFacts} = await import('./daemon-facts.js');
  try {
    const request = requestFor(job, plan, () => Promise.resolve(undefined));
    return await daemonFacts(root, plan, request, signal);
  } catch {
    signal.throwIfAborted();
    return new Map();
  }
}

/** What ended of the plan's steps, in the order it began; of a step that was reported twice the longer report. */
function fatesOf({steps}: StepSummary, facts: ReadonlyMap<string, StepFacts>): readonly StepFate[] {
  const found = new Map<string, StepFate>();
  for (const {planStep: id, name, cached, error, start, seconds} of steps) {
    if (id === undefined) continue;
    const known = found.get(id);
    if (known !== undefined && known.seconds >= seconds) continue;
    const cacheKey = facts.get(id)?.key.replace('sha256:', '') ?? null;
    const fate = {id, name, cached, failed: error !== undefined, start, seconds: cached ? 0 : seconds, cacheKey};
    found.set(id, fate);
  }
  return [...found.values()];
}

function errorOf(
  {error}: EndedBuild,
  steps: readonly RecordedStep[],
  redact: (text: string) => string,
): NewBuildRecord['error'] {
  if (error === undefined) return null;
  const step = steps.find(({failed}) => failed)?.id ?? null;
  const code = error instanceof BuildError ? error.code : 'IO';
  return {code, message: redact(messageOf(error)).slice(0, 2000), step};
}

function overrideOf(
  {name, value, origin, stage}: {name: string; value: string; origin: string; stage: string | undefined},
  redact: (text: string) => string,
): RecordedValue {
  const shown = looksSecret(name) ? hiddenValue(value) : redact(value);
  return {name, value: shown.slice(0, 1000), origin, stage: stage ?? null};
}
