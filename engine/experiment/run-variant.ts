import {join} from 'node:path';
import {BuildError, messageOf} from '../base/errors.js';
import {formatError} from '../base/format-error.js';
import type {ImageProbe} from '../compare/probe.js';
import {artifactFacts} from '../job/metadata.js';
import type {EndedBuild} from '../job/remember.js';
import {type JobResult, type JobServices, runJob} from '../job/run.js';
import {collectSteps} from '../progress/collect-steps.js';
import type {EventSink} from '../progress/events.js';
import {formatDuration} from '../progress/format.js';
import {tee} from '../progress/tee.js';
import type {Rule} from './definition.js';
import {judge} from './expectations.js';
import type {PlannedVariant} from './plan-experiment.js';
import {prefixedEvents} from './prefixed-events.js';
import type {VariantArtifact, VariantResult, VariantStatus} from './result.js';

export interface VariantServices extends Omit<JobServices, 'events'> {
  /** Shows all builds. */
  readonly events: EventSink;
  /** Artifacts of each variant go to a directory of their own below; absolute. */
  readonly directory: string;
  /** Looks into the image of a tag. */
  readonly probe: (tag: string) => Promise<ImageProbe>;
  /** Adds a build to the history, however it ended; gives its id there. */
  readonly remember: (variant: PlannedVariant, build: EndedVariant) => Promise<string | undefined>;
}

/** A variant's build that has ended. */
export type EndedVariant = Pick<EndedBuild, 'outcome' | 'summary' | 'error'> & {readonly result: JobResult | undefined};

/** Where an experiment keeps the artifacts of a variant. */
export const artifactsOf = (directory: string, slug: string): string => join(directory, 'variants', slug);

/**
 * Builds a variant, under a tag of its own, and looks at what came out. Never rejects for a build that fails; rejects with
 * the signal's reason. `made` is told the key of each step that there is.
 */
export async function runVariant(
  planned: PlannedVariant,
  tag: string,
  rules: readonly Rule[],
  timeout: number | undefined,
  services: VariantServices,
  made: (key: string) => void,
  signal: AbortSignal,
): Promise<VariantResult> {
  const {variant, plan} = planned;
  const {now} = services;
  const collected = collectSteps(now);
  const events = tee(collected, stepWatcher(planned, made), prefixedEvents(services.events, variant.name));
  const limit = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
  const either = limit === undefined ? signal : AbortSignal.any([signal, limit]);
  const job = {
    ...planned.job,
    settings: {
      ...planned.job.settings,
      tags: [tag],
      artifactsDirectory: artifactsOf(services.directory, variant.slug),
    },
  };
  const started = now();
  let status: VariantStatus = 'failed';
  let result: JobResult | undefined;
  let failure: unknown;
  try {
    if (planned.failure !== undefined) throw planned.failure;
    result = await runJob(job, plan, {...services, events}, either);
    status = 'built';
  } catch (error) {
    if (signal.aborted) {
      await services.remember(planned, {outcome: 'cancelled', summary: collected.summary(), result, error});
      signal.throwIfAborted();
    }
    failure = error;
    if (limit?.aborted === true) status = 'timeout';
  }
  const seconds = (now() - started) / 1000;
  const summary = collected.summary();
  const outcome = status === 'built' ? 'done' : status === 'timeout' ? 'cancelled' : 'failed';
  const build = await services.remember(planned, {outcome, summary, result, error: failure});
  const probe = result === undefined ? undefined : await services.probe(tag);
  try {
    const broken = failedStep(planned, failure);
    const digest = result?.built.configDigest ?? result?.built.manifestDigest;
    return {
      name: variant.name,
      slug: variant.slug,
      labels: variant.labels,
      overrides: variant.overrides,
      status,
      seconds,
      aloneSeconds: null,
      steps: {ran: summary.ran, cached: summary.cached},
      timings: summary.steps
        .filter((step) => planned.planned.some(({name}) => name === step.name))
        .map((step) => ({
          name: step.name,
          cached: step.cached,
          failed: step.planStep !== undefined && step.planStep === broken,
          seconds: step.seconds,
        })),
      image: probe === undefined || digest === undefined ? null : {digest, size: probe.size, tag},
      artifacts: (result?.artifacts ?? []).map((artifact) => artifactFacts(artifact) as unknown as VariantArtifact),
      expectations: await judge(rules, {status, seconds}, probe),
      error: failure === undefined ? null : errorText(failure, status, timeout),
      build: build ?? null,
      resumed: false,
    };
  } finally {
    await probe?.close();
  }
}

/** Id of the step that the error is about; what ran beside it was stopped, and has no fault. */
function failedStep({plan}: PlannedVariant, error: unknown): string | undefined {
  if (!(error instanceof BuildError) || error.code !== 'STEP_FAILED' || error.range === undefined) return undefined;
  const {start} = error.range;
  return plan.graph.stages.flatMap(({steps}) => steps).find(({line}) => line === start)?.id;
}

function errorText(error: unknown, status: VariantStatus, timeout: number | undefined): string {
  if (status === 'timeout') return `it took longer than ${formatDuration((timeout ?? 0) / 1000)}`;
  return error instanceof BuildError ? formatError(error) : messageOf(error);
}

/** Tells which planned steps have been made. */
function stepWatcher({planned}: PlannedVariant, made: (key: string) => void): EventSink {
  const names = new Map<string, string>();
  const keys = new Map(planned.map(({name, key}) => [name, key]));
  const tell = (name: string | undefined): void => {
    const key = keys.get(name ?? '');
    if (key !== undefined) made(key);
  };
  return {
    emit(event) {
      if (event.type === 'step-started') names.set(event.step, event.name);
      else if (event.type === 'step-cached') tell(event.name === '' ? names.get(event.step) : event.name);
      else if (event.type === 'step-done' && event.error === undefined) tell(names.get(event.step));
    },
  };
}
