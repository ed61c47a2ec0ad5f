import type {Artifact} from '../artifacts/artifact.js';
import {extractArtifacts} from '../artifacts/extract.js';
import {parseArtifactPattern} from '../artifacts/pattern.js';
import {BuildError} from '../base/errors.js';
import type {Driver} from '../drivers/driver.js';
import type {Plan} from '../plan/plan.js';
import type {StepSummary} from '../progress/collect-steps.js';
import type {JobSettings} from './settings.js';

export interface FailedFiles {
  readonly driver: Driver;
  readonly plan: Plan;
  readonly summary: StepSummary;
  readonly settings: Pick<JobSettings, 'artifacts' | 'artifactsDirectory'>;
  /** Globs of `--artifact-on-failure`; empty: logs, and what the artifacts would have been. */
  readonly globs: readonly string[];
  readonly signal: AbortSignal;
}

/**
 * Takes files out of what a failed step and the steps before it left, into the artifacts directory. None where no step
 * failed. Rejects with UNSUPPORTED with a daemon, NOT_FOUND where the files are gone, and as the extraction does.
 */
export async function takeFailedFiles(request: FailedFiles): Promise<readonly Artifact[]> {
  const {driver, plan, summary, settings, globs, signal} = request;
  const step = summary.steps.find(({error, planStep}) => error !== undefined && planStep !== undefined)?.planStep;
  const stage = plan.graph.stages.find(({steps}) => steps.some(({id}) => id === step));
  if (step === undefined || stage === undefined) return [];
  if (driver.readFailed === undefined) {
    throw new BuildError('UNSUPPORTED', 'the daemon gives away no files of a step that failed', {
      remedy: 'Build with --driver embedded to have them.',
    });
  }
  const read = driver.readFailed.bind(driver);
  const key = summary.keys.get(step)?.key;
  if (key === undefined) throw new BuildError('NOT_FOUND', 'nothing is known of what the failed step left');
  const usual = ['*.log', ...(settings.artifacts.length === 0 ? ['*.deb'] : settings.artifacts)];
  const patterns = (globs.length === 0 ? usual : globs)
    .map(parseArtifactPattern)
    .filter(({stage: of}) => of === undefined || of.toLowerCase() === stage.label);
  return extractArtifacts({
    required: false,
    readTree: (_, path, aborted) => read(key, path, aborted),
    sources: [{stage: stage.index, stageName: stage.label, path: '/', patterns}],
    directory: settings.artifactsDirectory,
    signal,
  });
}
