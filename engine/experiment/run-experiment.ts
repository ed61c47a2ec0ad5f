import {join} from 'node:path';
import {makeDirectories} from '../base/make-directories.js';
import {writeBeside} from '../base/write-beside.js';
import {count, formatDuration} from '../progress/format.js';
import {chainSeconds} from './alone.js';
import {rulesFor} from './expectations.js';
import type {SecondsOf} from './forecast.js';
import {openJournal, readJournal} from './journal.js';
import type {PlannedExperiment, PlannedVariant} from './plan-experiment.js';
import {type ExperimentResult, isGood, type VariantResult} from './result.js';
import {onceEach} from './prefixed-events.js';
import {runVariant, type VariantServices} from './run-variant.js';
import {schedule} from './schedule.js';
import {slugOf} from './variant.js';
import {contextDigest, readsContext, variantKey} from './variant-key.js';

export interface ExperimentOptions {
  /** Variants at once. */
  readonly jobs: number;
  /** Milliseconds that one may take; undefined: as long as it needs. */
  readonly timeout: number | undefined;
  readonly failFast: boolean;
  /** What an interrupted run has done is done again. */
  readonly fresh: boolean;
  readonly past: SecondsOf;
}

/** The file beside the journal that holds what `experiment --json` printed. */
export const resultFile = 'result.json';

/** Name of a variant's image: `experiment/portal:version-1`. */
export const tagOf = (experiment: string, slug: string): string => `experiment/${slugOf(experiment)}:${slug}`;

/**
 * Builds every variant; a step that several have is made once. What has ended is in the journal of `services.directory`,
 * so that the next run takes it over if this one is killed. Rejects with the signal's reason, NO_SPACE, IO.
 */
export async function runExperiment(
  experiment: PlannedExperiment,
  options: ExperimentOptions,
  services: VariantServices,
  signal: AbortSignal,
): Promise<ExperimentResult> {
  const {definition, variants, expanded} = experiment;
  const {directory, driver, now, events} = services;
  const started = now();
  const startedAt = new Date().toISOString();
  makeDirectories(directory);
  const [first] = variants;
  const digest =
    first === undefined || !variants.some(({plan}) => readsContext(plan))
      ? ''
      : await contextDigest(first.job.context, signal);
  const keys = new Map(
    variants.map((one) => {
      const rules = rulesFor(definition.rules, one.variant.overrides);
      return [one, variantKey(one, {digest, driver: driver.name}, rules)] as const;
    }),
  );
  const results = new Map<PlannedVariant, VariantResult>();
  const past = options.fresh ? new Map<string, VariantResult>() : readJournal(directory);
  for (const one of variants) {
    const found = past.get(keys.get(one) ?? '');
    // What failed is tried again: the cause may have been the interruption's.
    if (found?.status === 'built') results.set(one, {...found, resumed: true});
  }
  if (results.size > 0) {
    const message = `resumes an interrupted run: ${results.size} of ${variants.length} variants are finished (--fresh begins anew)`;
    events.emit({type: 'note', message});
  }
  const kept = new Map([...results].map(([one, result]) => [keys.get(one) ?? '', result]));
  const journal = openJournal(directory, definition.name, kept);
  const seconds = new Map<string, number>();
  const failed = new Map<string, string>();
  const makers = new Map<string, PlannedVariant>();
  const shown = {...services, events: onceEach(events)};
  try {
    const todo = variants.filter((one) => !results.has(one));
    const running = schedule(todo, options.jobs, async (one, {made}) => {
      const {variant} = one;
      const rules = rulesFor(definition.rules, variant.overrides);
      const shared = [...one.steps].map((key) => failed.get(key)).find((name) => name !== undefined);
      const tag = tagOf(definition.name, variant.slug);
      const task = shared === undefined || one.failure !== undefined ? one : {...one, failure: sharedFailure(shared)};
      const tell = (key: string): void => {
        if (!makers.has(key)) makers.set(key, one);
        made(key);
      };
      const ended = await runVariant(task, tag, rules, options.timeout, shown, tell, signal);
      const result = withoutOthers(one, ended, makers);
      results.set(one, result);
      learn(one, result, seconds, failed);
      journal.add(keys.get(one) ?? '', result);
      events.emit({type: 'note', message: outcomeLine(result, results.size, variants.length)});
      if (options.failFast && !isGood(result)) running.stop();
    });
    const onAbort = (): void => running.stop();
    signal.addEventListener('abort', onAbort, {once: true});
    await running.done.finally(() => signal.removeEventListener('abort', onAbort));
    signal.throwIfAborted();
    const result: ExperimentResult = {
      name: definition.name,
      driver: driver.name,
      baseline: expanded.baseline.name,
      axes: [...new Set(variants.flatMap(({variant}) => Object.keys(variant.labels)))],
      started: startedAt,
      seconds: (now() - started) / 1000,
      variants: variants.flatMap((one) => {
        const found = results.get(one);
        const secondsOf = (key: string): number | undefined =>
          seconds.get(key) ?? options.past(one, one.planned.find((step) => step.key === key)?.id ?? '');
        return found === undefined ? [] : [{...found, aloneSeconds: chainSeconds(one.planned, secondsOf) ?? null}];
      }),
      skipped: variants.filter((one) => !results.has(one)).map(({variant}) => variant.name),
    };
    await writeBeside(join(directory, resultFile), `${JSON.stringify(result, null, 2)}\n`);
    journal.end();
    return result;
  } finally {
    journal.close();
  }
}

function outcomeLine({name, status, seconds, steps, error}: VariantResult, ended: number, all: number): string {
  const why = error === null ? '' : `: ${error.split('\n')[0] ?? ''}`;
  return `${ended}/${all} ${name}: ${status} in ${formatDuration(seconds)}, ${count(steps.ran, 'step')} ran, ${steps.cached} cached${why}`;
}

/**
 * A builder that joins a step which another build is making calls it run, with that build's time: made it was once, and
 * for this variant it was there.
 */
function withoutOthers(
  one: PlannedVariant,
  result: VariantResult,
  makers: ReadonlyMap<string, PlannedVariant>,
): VariantResult {
  const makerOf = (name: string): PlannedVariant | undefined =>
    makers.get(one.planned.find((step) => step.name === name)?.key ?? '');
  const timings = result.timings.map((step) => {
    const maker = makerOf(step.name);
    return !step.cached && !step.failed && maker !== undefined && maker !== one
      ? {...step, cached: true, seconds: 0}
      : step;
  });
  const joined = timings.filter(({cached}, index) => cached && result.timings[index]?.cached === false).length;
  const {ran, cached} = result.steps;
  return {...result, timings, steps: {ran: ran - joined, cached: cached + joined}};
}

const sharedFailure = (name: string): Error =>
  new Error(`it has the step that failed in variant ${name}; not tried again`);

/** What each step took where it ran, and which one failed. */
function learn(
  {planned, variant}: PlannedVariant,
  {timings, status}: VariantResult,
  seconds: Map<string, number>,
  failed: Map<string, string>,
): void {
  for (const {name, cached, seconds: taken, failed: broken} of timings) {
    const key = planned.find((step) => step.name === name)?.key;
    if (key === undefined) continue;
    if (broken && status === 'failed') failed.set(key, variant.name);
    else if (!cached && !broken) seconds.set(key, taken);
  }
}
