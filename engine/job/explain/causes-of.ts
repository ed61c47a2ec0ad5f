import {lstatSync} from 'node:fs';
import {join} from 'node:path';
import type {Plan} from '../../plan/plan.js';
import type {Cause, RecordedStep} from '../../store/build-record.js';
import type {Facts} from '../../store/facts.js';
import {projectOf} from '../project.js';
import type {PreparedJob} from '../prepare.js';
import {earlierBuilds} from './earlier-builds.js';
import {explainSteps} from './explain-steps.js';

/** Builds that are looked through for the last one with a step. */
const mostRecords = 30;

/** Why the steps of a build ran, or will, by their ids: against what the history below `root` says of earlier ones. */
export async function causesOf(
  root: string,
  job: Pick<PreparedJob, 'settings' | 'context' | 'contexts' | 'dockerfile'>,
  plan: Plan,
  build: {readonly driver: string; readonly steps: readonly RecordedStep[]; readonly facts: Facts},
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Cause[]>> {
  const {settings, context} = job;
  const past = await earlierBuilds(root, {project: projectOf(job), driver: build.driver, most: mostRecords}, signal);
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
