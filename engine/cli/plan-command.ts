import {BuildError, exitStatusOf} from '../base/errors.js';
import {completePlan} from '../job/complete-plan.js';
import type {Plan} from '../plan/plan.js';
import {planReport} from '../plan/report.js';
import {renderPlan} from '../plan/render.js';
import type {BuildFlags} from './build-options.js';
import {readPast} from '../job/past.js';
import {chooseDriver} from './driver-choice.js';
import {openJob, type OpenedJob} from './open-job.js';
import {storeRoot} from './store-root.js';
import {wantsColor, type Terminal} from './terminal.js';

/** `build-image plan`: what would run, with every value and its origin. Nothing is built, created or sent. */
export async function planCommand(
  path: string | undefined,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const job = await openJob(path, flags, terminal, signal);
  try {
    const plan = await withBaseImages(job, flags, terminal, signal);
    const {predict} = await readPast(storeRoot(flags.root, terminal), job, plan, signal);
    const report = planReport(plan, {context: job.settings.context, predict});
    if (flags.json === true) {
      terminal.answer(`${JSON.stringify(report, null, 2)}\n`);
      return 0;
    }
    for (const note of job.notes) terminal.error(`${note}\n`);
    const color = wantsColor(terminal.environment, terminal.answerIsTty);
    terminal.answer(renderPlan(report, {color, ...(terminal.answerIsTty && {width: terminal.columns()})}));
    return 0;
  } finally {
    await job.close();
  }
}

/** What the driver knows of base images is in the plan; without a driver there is a plan too. */
async function withBaseImages(
  job: OpenedJob,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Plan> {
  try {
    const driver = await chooseDriver(flags.driver, storeRoot(flags.root, terminal), terminal, signal);
    const nobody = () => Promise.resolve(undefined);
    return await completePlan(job, driver, nobody, {emit: () => undefined}, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError && exitStatusOf[error.code] === 3) return job.plan;
    throw error;
  }
}
