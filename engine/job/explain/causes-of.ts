import {lstatSync} from 'node:fs';
import {join} from 'node:path';
import type {Plan} from '../../plan/plan.js';
import type {Cause, RecordedStep} from '../../store/build-record.js';
import type {Facts} from '../../store/facts.js';
import {type Job, projectOf} from '../project.js';
import type {PreparedJob} from '../prepare.js';
import {earlierBuilds} from './earlier-builds.js';
import {type EarlierBuilds, explainSteps} from './explain-steps.js';

/** Builds that are looked through for the last one with a step. */
const mostRecords = 30;

/**
 * What the history below `root` says of the builds before one that began at `began` (ms since the epoch), as `causesOf` takes it: one
 * that ran beside it may have had its steps, and is recorded first.
 */
export async function pastOf(
  root: string,
  job: Job,
  driver: string,
  began: number,
  signal: AbortSignal,
): Promise<EarlierBuilds> {
  const past = await earlierBuilds(root, {project: projectOf(job), driver, most: mostRecords}, signal);
  return {...past, records: past.records.filter(({time}) => Date.parse(time) <= began)};
}

/** Why the steps of a build ran, or will, by their ids: against earlier ones. */
export function causesOf(
  past: EarlierBuilds,
  job: Job,
  plan: Plan,
  build: {readonly driver: string; readonly steps: readonly RecordedStep[]; readonly facts: Facts},
): ReadonlyMap<string, readonly Cause[]> {
  const {settings, context} = job;
  return explainSteps(
    {
      ...build,
      plan,
      target: plan.graph.stages[plan.graph.target]?.label ?? '',
      fresh: {all: settings.noCache, stages: settings.noCacheFilter},
      whyGone: (path) => whyIgnored(context, path),
    },
    past,
  );
}

/** A file that is still there, but that a rule leaves out now. */
function whyIgnored({root, rules, ignoreFile}: PreparedJob['context'], path: string): string | undefined {
  if (!rules.ignores(path)) return undefined;
  if (lstatSync(join(root, path), {throwIfNoEntry: false}) === undefined) return undefined;
  const rule = rules.ruleOf(path);
  return rule === undefined || rule.line === 0
    ? 'left out now'
    : `left out now by ${ignoreFile ?? 'the ignore file'}:${rule.line}: ${rule.pattern}`;
}
