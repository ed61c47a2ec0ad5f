import type {Artifact} from '../artifacts/artifact.js';
import {prepareDecompress} from '../artifacts/decompress.js';
import {extractArtifacts, type ExtractRequest, type ExtractSource} from '../artifacts/extract.js';
import {parseArtifactPattern} from '../artifacts/pattern.js';
import {artifactSources} from '../artifacts/sources.js';
import {BuildError} from '../base/errors.js';
import type {Warning} from '../dockerfile/ast.js';
import type {BuildRequest, Built, Driver} from '../drivers/driver.js';
import type {Plan} from '../plan/plan.js';
import type {EventSink} from '../progress/events.js';
import {expectsPackage} from './expects-package.js';
import {explainMissingSource} from './missing-source.js';
import type {PreparedJob} from './prepare.js';

/** What a run gave. */
export interface JobResult {
  readonly built: Built;
  readonly artifacts: readonly Artifact[];
  /** Files and directories that `--output` wrote. */
  readonly outputs: readonly string[];
  readonly seconds: number;
  readonly warnings: readonly Warning[];
}

export interface JobServices {
  readonly driver: Driver;
  readonly credentials: BuildRequest['credentials'];
  readonly events: EventSink;
  /** Milliseconds, monotonic. */
  readonly now: () => number;
}

/** Builds, takes the artifacts out, gives up what was held. Rejects as the driver and the extraction do. */
export async function runJob(
  job: PreparedJob,
  plan: Plan,
  services: JobServices,
  signal: AbortSignal,
): Promise<JobResult> {
  const {driver, events, now} = services;
  const {settings} = job;
  const started = now();
  const sources = sourcesOf(job, plan);
  const request = requestOf(job, sources, services.credentials);
  for (const {rule, line, message} of plan.warnings) {
    events.emit({type: 'warning', rule, message, ...(line > 0 && {line})});
  }
  const failing = plan.warningsFail ? plan.warnings.filter(isPublished) : [];
  if (failing.length > 0) throw failedChecks({...plan, warnings: failing});
  const told = sources.length === 0 ? events : preparing(events);
  const built = await driver.build(plan, request, told, signal).catch(async (error: unknown) => {
    throw await explainMissingSource(error, plan, job.context);
  });
  try {
    const artifacts = await takeArtifacts({
      required: settings.wantArtifacts && (settings.artifacts.length > 0 || expectsPackage(plan)),
      readTree: (stage, path, aborted) => driver.readTree(built, stage, path, aborted),
      sources,
      directory: settings.artifactsDirectory,
      signal,
      events,
      platform: plan.graph.platform,
    });
    const outputs = settings.outputs.flatMap(({dest}) => (dest === undefined || dest === '-' ? [] : [dest]));
    const cached = built.steps.filter((step) => step.cached).length;
    const seconds = (now() - started) / 1000;
    events.emit({
      type: 'result',
      digest: built.manifestDigest ?? built.configDigest ?? null,
      tags: built.tags,
      artifacts: artifacts.map(({path}) => path),
      seconds,
      steps: {ran: built.steps.length - cached, cached},
    });
    return {built, artifacts, outputs, seconds, warnings: plan.warnings};
  } finally {
    await built.close();
  }
}

/** In ms: then a first step is under way. */
const underway = 50;

/** While the steps run, what the artifacts will need is loaded. */
function preparing(events: EventSink): EventSink {
  let begun = false;
  return {
    emit(event) {
      events.emit(event);
      if (begun || event.type !== 'step-started') return;
      begun = true;
      // That it fails is told where it is needed.
      setTimeout(() => void prepareDecompress().catch(() => undefined), underway).unref();
    },
  };
}

/** Nothing is made, not even the directory, where there is nowhere to look. */
async function takeArtifacts(request: ExtractRequest): Promise<readonly Artifact[]> {
  return request.sources.length === 0 && request.required === false ? [] : extractArtifacts(request);
}

/** A finding of our own is no reason to refuse what every other builder takes. */
const isPublished = ({url}: Warning): boolean => url !== undefined;

/** `# check=error=true`: nothing is built while there is a warning. */
function failedChecks({warnings, dockerfile}: Plan): BuildError {
  const [first] = warnings;
  const more = warnings.length > 1 ? ` (and ${warnings.length - 1} more)` : '';
  return new BuildError('CHECK_FAILED', `${first?.rule ?? ''}: ${first?.message ?? ''}${more}`, {
    file: dockerfile.file,
    source: dockerfile.text,
    ...(first?.range !== undefined && {range: first.range}),
    remedy: 'The Dockerfile has check=error=true: mend it, or skip the rule with check=skip=RULE.',
  });
}

/** Where artifacts are looked for; none where none are wanted, or the target copies from no other stage. */
function sourcesOf({settings}: PreparedJob, plan: Plan): readonly ExtractSource[] {
  return settings.wantArtifacts ? artifactSources(plan, settings.artifacts.map(parseArtifactPattern)) : [];
}

/** What the driver is asked for. */
export function requestFor(job: PreparedJob, plan: Plan, credentials: BuildRequest['credentials']): BuildRequest {
  return requestOf(job, sourcesOf(job, plan), credentials);
}

function requestOf(
  {settings, context, contexts}: PreparedJob,
  sources: readonly ExtractSource[],
  credentials: BuildRequest['credentials'],
): BuildRequest {
  return {
    ...settings,
    context,
    contexts,
    buildArgs: new Map(settings.buildArgs.map(({name, value}) => [name, value])),
    credentials,
    keepStages: [...new Set(sources.map(({stage}) => stage))],
  };
}
