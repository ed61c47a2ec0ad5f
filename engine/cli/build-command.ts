import {basename} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import {createRedactor, type Redactor} from '../base/redact.js';
import {writeBeside} from '../base/write-beside.js';
import type {Driver, Output} from '../drivers/driver.js';
import {announceBuild} from '../job/announce.js';
import {completePlan} from '../job/complete-plan.js';
import {metadataOf} from '../job/metadata.js';
import type {EarlierBuilds} from '../job/explain/explain-steps.js';
import {readPast} from '../job/past.js';
import {recordSteps, rememberBuild, type StepsOfRecord} from '../job/remember.js';
import {type JobResult, runJob} from '../job/run.js';
import type {Plan} from '../plan/plan.js';
import {workSteps} from '../plan/steps.js';
import {collectSteps, type StepSummary} from '../progress/collect-steps.js';
import type {BuildEventBody, EventSink} from '../progress/events.js';
import type {Progress} from '../progress/progress.js';
import {tee} from '../progress/tee.js';
import type {BuildOutcome, NewBuildRecord} from '../store/build-record.js';
import {answerJson, renderAnswer} from './answer.js';
import type {BuildFlags} from './build-options.js';
import {withTimeout} from './cancellation.js';
import {credentialsOf} from './credentials.js';
import {chooseDriver} from './driver-choice.js';
import {asBuildError, reportFailure} from './failure.js';
import {parseDuration} from './flag-values.js';
import type {SummarizedOutcome} from './job-summary.js';
import {learnPlanSecrets, learnSecrets} from './learn-secrets.js';
import {openJob, type OpenedJob} from './open-job.js';
import {isLive, overheard} from './outcome-key.js';
import {progressOf} from './progress-of.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

/** `build-image build`: the image, its tags and the artifacts. */
export async function buildCommand(
  path: string | undefined,
  flags: BuildFlags,
  terminal: Terminal,
  cancelled: AbortSignal,
): Promise<number> {
  if (flags.check === true) {
    return (await import('./check-command.js')).checkCommand(path, flags, terminal, cancelled);
  }
  const began = Date.now();
  const timeout = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout');
  const limited = withTimeout(cancelled, timeout, flags.timeout ?? '');
  const redactor = createRedactor();
  let progress: Progress | undefined;
  let job: OpenedJob | undefined;
  let chosen: Driver | undefined;
  try {
    const {signal} = limited;
    const opened = await openJob(path, flags, terminal, signal, true);
    job = opened;
    refuseTerminal(job.settings.outputs, terminal);
    await learnSecrets(redactor, job);
    if (flags.deliver === true) {
      const {checkDelivery} = await import('./deliver-built.js');
      await checkDelivery(path, flags, job.settings, terminal, redactor, signal);
    }
    const root = storeRoot(flags.root, terminal);
    const driver = (chosen = await chooseDriver(flags.driver, root, terminal, signal));
    const mode = flags.quiet === true ? 'quiet' : (flags.progress ?? 'auto');
    // Only the live view shows how long it will take; the past is a file for each build.
    const past = isLive(mode, terminal) ? await readPast(root, job, job.plan, driver.name, signal) : undefined;
    const events: BuildEventBody[] = [];
    progress = overheard(await progressOf(mode, terminal, redactor, past?.estimate), events);
    for (const message of job.notes) progress.emit({type: 'note', message});
    const credentials = credentialsOf(terminal, redactor, signal);
    const plan = await completePlan(opened, driver, credentials, progress, signal);
    learnPlanSecrets(redactor, plan);
    const {result, record} = await remembered(
      root,
      opened,
      plan,
      driver,
      progress,
      redactor,
      flags.artifactOnFailure,
      signal,
      (events) => runJob(opened, plan, {driver, credentials, events, now: () => performance.now()}, signal),
    );
    await writeFiles(flags, result);
    const sent =
      flags.deliver === true
        ? await (
            await import('./deliver-built.js')
          ).deliverBuilt(path, flags, opened, plan, result, terminal, redactor, progress, signal)
        : undefined;
    await summarize(flags, terminal, redactor, job, {result, ...(sent && {delivered: sent.delivered})});
    progress.close();
    const id = result.built.configDigest ?? result.built.manifestDigest;
    const toStdout = job.settings.outputs.some(writesToStdout);
    const answer =
      flags.json === true
        ? answerJson(result, sent && (await import('./delivery-answer.js')).deliveredFacts(sent.opened, sent.delivered))
        : flags.quiet === true
          ? `${id ?? ''}\n`
          : renderAnswer(result) +
            (sent === undefined ? '' : (await import('./delivery-answer.js')).renderDelivered(sent.delivered));
    // Where the output itself goes to standard output, the answer must not be in it.
    if (toStdout) terminal.error(answer);
    else terminal.answer(answer);
    if (record !== undefined && result.built.steps.every(({cached}) => cached)) {
      const {keepOutcome} = await import('./keep-outcome.js');
      await keepOutcome({began, root, path, flags, terminal, job: opened, plan, result, record, mode, events, answer});
    }
    for (const failure of sent?.delivered.failures ?? []) reportFailure(failure, terminal, signal, redactor);
    return (sent?.delivered.failures.length ?? 0) === 0 ? 0 : 1;
  } catch (error) {
    progress?.close(error);
    await summarize(flags, terminal, redactor, job, {error: asBuildError(error, limited.signal)});
    return reportFailure(withShell(error, chosen), terminal, limited.signal, redactor);
  } finally {
    limited.dispose();
    await job?.close();
  }
}

/** Where a CI shows one, or `--summary` asks for one. What cannot be written is said; the build is as it is. */
async function summarize(
  flags: BuildFlags,
  terminal: Terminal,
  redactor: Redactor,
  job: OpenedJob | undefined,
  outcome: SummarizedOutcome,
): Promise<void> {
  if (flags.summary === undefined && (terminal.environment['GITHUB_STEP_SUMMARY'] ?? '') === '') return;
  const {addSummary} = await import('./job-summary.js');
  const named = job?.context.name;
  const title = job?.settings.tags[0] ?? (named === undefined || named === '.' ? basename(terminal.directory) : named);
  const problem = await addSummary(flags.summary, terminal, title, outcome, redactor);
  if (problem !== undefined) terminal.error(`build-image: ${problem}\n`);
}

/** An archive without a destination is for standard output, as `-` says outright; a docker archive is for the daemon. */
function writesToStdout({type, dest}: Output): boolean {
  return type !== 'image' && (dest === '-' || (dest === undefined && type !== 'docker'));
}

/** An archive in a terminal helps nobody. Throws BuildError USAGE. */
function refuseTerminal(outputs: readonly Output[], terminal: Terminal): void {
  const output = outputs.find(writesToStdout);
  if (output === undefined || !terminal.answerIsTty) return;
  throw new BuildError('USAGE', `--output type=${output.type} would write its archive to the terminal`, {
    remedy: `Name a file (--output type=${output.type},dest=FILE), or pipe standard output to what reads it.`,
  });
}

/** Runs the build and adds it to the history, however it ends. Without the record where that could not be written. */
async function remembered(
  root: string,
  job: OpenedJob,
  plan: Plan,
  driver: Driver,
  progress: Progress,
  redactor: Redactor,
  globs: readonly string[] | undefined,
  signal: AbortSignal,
  run: (events: EventSink) => Promise<JobResult>,
): Promise<{readonly result: JobResult; readonly record: NewBuildRecord | undefined}> {
  const collected = collectSteps(() => performance.now());
  const announced = announceBuild(root, job, plan);
  let past: Promise<EarlierBuilds> | undefined;
  let begun: Promise<StepsOfRecord> | undefined;
  const redact = (text: string): string => redactor.redact(text);
  const work = new Set(workSteps(plan.graph).map(({id}) => id));
  const reader: EventSink = {
    emit(event) {
      // What a step that runs is explained with is read while it runs.
      if (event.type === 'step-started') {
        past ??= import('../job/explain/causes-of.js').then(({pastOf}) =>
          pastOf(root, job, driver.name, Date.now(), signal),
        );
        past.catch(() => undefined);
      }
      const ended = event.type === 'step-done' || event.type === 'step-cached';
      if (!ended || !work.delete(event.step) || work.size > 0) return;
      // While the image is finished.
      const build = {driver: driver.name, summary: collected.summary(), past, redact};
      begun = recordSteps(root, job, plan, build, signal);
      begun.catch(() => undefined);
    },
  };
  const remember = async (
    outcome: BuildOutcome,
    result: JobResult | undefined,
    error: unknown,
  ): Promise<NewBuildRecord | undefined> => {
    const ended = {driver: driver.name, outcome, summary: collected.summary(), result, error, past, begun, redact};
    const {note, record} = await rememberBuild(root, job, plan, ended, new AbortController().signal);
    if (note !== undefined) progress.emit({type: 'note', message: note});
    return note === undefined ? record : undefined;
  };
  let result: JobResult;
  try {
    result = await run(tee(collected, progress, announced, reader));
  } catch (error) {
    announced.close();
    if (!signal.aborted && globs !== undefined) {
      await takeFailed(job, plan, driver, collected.summary(), globs, progress, signal);
    }
    await remember(signal.aborted ? 'cancelled' : 'failed', undefined, error);
    throw error;
  }
  announced.close();
  return {result, record: await remember('done', result, undefined)};
}

/** `--artifact-on-failure`: that it fails too is said, and not what the build failed with. */
async function takeFailed(
  {settings}: OpenedJob,
  plan: Plan,
  driver: Driver,
  summary: StepSummary,
  given: readonly string[],
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const globs = given.filter((glob) => glob !== '');
  try {
    const {takeFailedFiles} = await import('../job/failed-files.js');
    const taken = await takeFailedFiles({driver, plan, summary, settings, globs, signal});
    const files = taken.map(({path}) => path).join(', ');
    const message = files === '' ? 'no such files in what the failed step left' : `from the failed step: ${files}`;
    progress.emit({type: 'note', message});
  } catch (error) {
    signal.throwIfAborted();
    progress.emit({type: 'note', message: `no files of the failed step: ${messageOf(error)}`});
  }
}

/** The embedded engine keeps what a failed step left. */
function withShell(error: unknown, driver: Driver | undefined): unknown {
  const isStep = error instanceof BuildError && error.code === 'STEP_FAILED' && error.details.remedy === undefined;
  if (!isStep || driver?.shell === undefined) return error;
  return error.with({
    remedy: 'To look around in what the step left: build-image shell, with the options of this build.',
  });
}

async function writeFiles({iidfile, metadataFile}: BuildFlags, {built, artifacts}: JobResult): Promise<void> {
  const id = built.configDigest ?? built.manifestDigest ?? '';
  if (iidfile !== undefined) await written('--iidfile', iidfile, id);
  if (metadataFile === undefined) return;
  await written('--metadata-file', metadataFile, `${JSON.stringify(metadataOf(built, artifacts), null, 2)}\n`);
}

async function written(flag: string, path: string, text: string): Promise<void> {
  try {
    await writeBeside(path, text);
  } catch (error) {
    const code = hasErrno(error, 'ENOSPC', 'EDQUOT') ? 'NO_SPACE' : 'IO';
    throw new BuildError(code, `cannot write ${flag} ${path}: ${messageOf(error)}`, {
      cause: error,
      remedy: 'The image is built; name a file that can be written, and run the same build again.',
    });
  }
}
