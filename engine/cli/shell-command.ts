import {BuildError} from '../base/errors.js';
import {completePlan} from '../job/complete-plan.js';
import {projectOf} from '../job/project.js';
import {requestFor} from '../job/run.js';
import type {Plan} from '../plan/plan.js';
import {readHistory} from '../store/history.js';
import type {BuildFlags} from './build-options.js';
import {chooseDriver} from './driver-choice.js';
import {stepsNamed} from './explain-command.js';
import {openJob, type OpenedJob} from './open-job.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

export interface ShellFlags extends BuildFlags {
  readonly before?: boolean;
  readonly after?: boolean;
  readonly context?: string;
}

/** `build-image shell [STEP]`: a shell in the state before or after a step of a build, by default the one that failed. */
export async function shellCommand(
  step: string | undefined,
  flags: ShellFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  if (flags.before === true && flags.after === true) {
    throw new BuildError('USAGE', '--before and --after are each other’s opposite', {remedy: 'Give one of them.'});
  }
  const root = storeRoot(flags.root, terminal);
  const job = await openJob(flags.context, flags, terminal, signal);
  try {
    // Only this engine has the file systems of steps; where nothing is said it is the one that is meant.
    const driver = await chooseDriver(flags.driver === 'auto' ? 'embedded' : flags.driver, root, terminal, signal);
    if (driver.shell === undefined) {
      throw new BuildError('UNSUPPORTED', 'a daemon does not give away the file system of a step', {
        remedy: 'Build with --driver embedded: then build-image shell opens in what any step left.',
      });
    }
    const nobody = () => Promise.resolve(undefined);
    const plan = await completePlan(job, driver, nobody, {emit: () => undefined}, signal);
    const id = await stepOf(step, root, job, plan, signal);
    const when = flags.before === true ? 'before' : 'after';
    const isTerminal = terminal.stdin.isTTY === true && terminal.answerIsTty;
    const planned = plan.graph.stages.flatMap(({steps}) => steps).find((one) => one.id === id);
    if (isTerminal) {
      terminal.error(
        `shell ${when} step ${id} (line ${planned?.line ?? 0}); what is changed here is gone afterwards\n`,
      );
    }
    const request = requestFor(job, plan, nobody);
    return await driver.shell(plan, request, {step: id, when, terminal: isTerminal}, signal);
  } finally {
    await job.close();
  }
}

/** The step that is named, else the one that failed in the last build of this project. Throws BuildError NOT_FOUND. */
async function stepOf(
  named: string | undefined,
  root: string,
  job: OpenedJob,
  plan: Plan,
  signal: AbortSignal,
): Promise<string> {
  if (named !== undefined) {
    const steps = plan.graph.stages.flatMap(({steps: own, label}) =>
      own
        .filter(({operation}) => operation.kind !== 'config')
        .map(({id, line, text, statement}) => ({
          ...{id, line, text, stage: label, written: statement.instruction.original},
        })),
    );
    return stepsNamed(steps, named).at(-1)?.id ?? '';
  }
  const {records} = await readHistory(root, {project: projectOf(job), most: 1}, signal);
  const failed = records[0]?.error?.step ?? null;
  if (failed !== null) return failed;
  throw new BuildError('NOT_FOUND', 'no step failed in the last build here', {
    remedy: 'Name the step: its id (build-image plan), its line, its stage, or words of its instruction.',
  });
}
