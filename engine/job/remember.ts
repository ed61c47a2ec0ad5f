import {basename} from 'node:path';
import type {Artifact} from '../artifacts/artifact.js';
import {BuildError, messageOf} from '../base/errors.js';
import type {Built} from '../drivers/driver.js';
import {formatPlatform} from '../oci/platform.js';
import type {Plan} from '../plan/plan.js';
import type {PlanStep} from '../plan/predict.js';
import {looksSecret, planRedactor} from '../plan/secrets.js';
import {planSteps} from '../plan/steps.js';
import type {StepRecord, StepSummary} from '../progress/collect-steps.js';
import type {BuildOutcome, NewBuildRecord, RecordedStep, RecordedValue} from '../store/build-record.js';
import {type Fact, factsName, hasFacts, writeFacts} from '../store/facts.js';
import {recordBuild} from '../store/history.js';
import {keysOf, projectOf} from './project.js';
import type {PreparedJob} from './prepare.js';
import {requestOf} from './run.js';
import {fromFacts, hiddenValue, hideSecrets, type StepFacts} from './step-facts.js';

/** How a build ended. */
export interface EndedBuild {
  readonly driver: string;
  readonly outcome: BuildOutcome;
  readonly summary: StepSummary;
  readonly result: {readonly built: Built; readonly artifacts: readonly Artifact[]} | undefined;
  readonly error: unknown;
  /** Hides the values of secrets that were given. */
  readonly redact: (text: string) => string;
}

export interface Remembered {
  /** Undefined where it could not be kept. */
  readonly id: string | undefined;
  /** For the user, where it could not. */
  readonly note: string | undefined;
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
  const facts = await factsOf(root, job, plan, ended, signal);
  const steps = recordedSteps(plan, ended, facts);
  const name = factsName(steps.map(({id, cacheKey}) => [id, cacheKey ?? '']));
  const {settings} = job;
  const project = projectOf(job);
  const ofPlan = planRedactor(plan.graph);
  const redact = (text: string): string => ofPlan.redact(ended.redact(text));
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
    facts: name,
    steps,
  };
  try {
    if (!(await hasFacts(root, name))) await writeFacts(root, name, shownFacts(plan, steps, facts));
  } catch {
    // Without them `explain` says less; recording tells why nothing can be written.
  }
  const recorded = await recordBuild(root, record, new Date(), signal);
  return recorded.written ? {id: recorded.id, note: undefined} : {id: undefined, note: recorded.note};
}

/** Keys and what they were made of: those of the driver where it tells them, else what this tool takes for them. */
async function factsOf(
  root: string,
  job: PreparedJob,
  plan: Plan,
  {driver, summary}: EndedBuild,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StepFacts>> {
  if (driver === 'embedded') {
    return new Map([...summary.keys].map(([id, {key, parts}]) => [id, {key, parts}] as const));
  }
  const {daemonFacts} = await import('./daemon-facts.js');
  try {
    const request = requestOf(job, [], () => Promise.resolve(undefined));
    return await daemonFacts(root, plan, request, signal);
  } catch {
    signal.throwIfAborted();
    return new Map();
  }
}

function shownFacts(
  plan: Plan,
  steps: readonly RecordedStep[],
  facts: ReadonlyMap<string, StepFacts>,
): ReadonlyMap<string, readonly Fact[]> {
  const hide = hideSecrets(plan);
  const shown = new Map<string, readonly Fact[]>();
  for (const {id} of steps) shown.set(id, hide(facts.get(id)?.parts ?? []));
  for (const {index, fromId} of plan.graph.stages) {
    if (facts.get(fromId) === undefined) shown.set(fromId, fromFacts(plan, index, undefined));
  }
  return shown;
}

/** What ended of the plan's steps, in the order it began; of a step that was reported twice the longer report. */
function recordedSteps(
  plan: Plan,
  {summary, redact: given}: EndedBuild,
  facts: ReadonlyMap<string, StepFacts>,
): readonly RecordedStep[] {
  const found = new Map<string, StepRecord>();
  for (const step of summary.steps) {
    const id = step.planStep;
    const known = id === undefined ? undefined : found.get(id);
    if (id !== undefined && (known === undefined || known.seconds < step.seconds)) found.set(id, step);
  }
  const planned = new Map(planSteps(plan.graph).map((step) => [step.id, step]));
  const keys = keysOf(plan);
  const {redact} = planRedactor(plan.graph);
  return [...found].flatMap(([id, step]): readonly RecordedStep[] => {
    const of = planned.get(id);
    if (of === undefined) return [];
    return [
      {
        id,
        key: keys.get(id) ?? '',
        // A name shows the command, and that the values of its arguments.
        name: redact(given(step.name)),
        stage: of.stage.label,
        line: of.step?.line ?? of.stage.line,
        instruction: of.step?.statement.instruction.keyword ?? 'FROM',
        text: redact(given(of.step?.text ?? of.stage.fromText)),
        cached: step.cached,
        failed: step.error !== undefined,
        start: step.start,
        seconds: step.cached ? 0 : step.seconds,
        inputs: recordedInputs(of, planned, found),
        causes: [],
        cacheKey: facts.get(id)?.key.replace('sha256:', '') ?? null,
      },
    ];
  });
}

/** Inputs past the steps that did nothing: those that only change the image config, FROM another stage. */
function recordedInputs(
  step: PlanStep,
  planned: ReadonlyMap<string, PlanStep>,
  recorded: ReadonlyMap<string, unknown>,
): readonly string[] {
  const inputs = step.inputs.flatMap((id): readonly string[] => {
    if (recorded.has(id)) return [id];
    const input = planned.get(id);
    return input === undefined ? [] : recordedInputs(input, planned, recorded);
  });
  return [...new Set(inputs)];
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
