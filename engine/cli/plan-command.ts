import {BuildError, exitStatusOf} from '../base/errors.js';
import type {Driver} from '../drivers/driver.js';
import {completePlan} from '../job/complete-plan.js';
import {estimateOf} from '../job/estimate.js';
import {readDurations, readPast, stepSeconds} from '../job/past.js';
import {predictSteps} from '../job/predict-build.js';
import type {Plan} from '../plan/plan.js';
import type {Prediction} from '../plan/predict.js';
import {planReport} from '../plan/report.js';
import {renderPlan} from '../plan/render.js';
import type {BuildFlags} from './build-options.js';
import {chooseDriver} from './driver-choice.js';
import {openJob, type OpenedJob} from './open-job.js';
import {storeRoot} from './store-root.js';
import {wantsColor, type Terminal} from './terminal.js';

/** `build-image plan`: what would run and why, with every value and its origin. Nothing is built or sent. */
export async function planCommand(
  path: string | undefined,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const job = await openJob(path, flags, terminal, signal);
  try {
    const root = storeRoot(flags.root, terminal);
    const {plan, driver} = await withBaseImages(job, flags, terminal, signal);
    const name = driver?.name ?? 'embedded';
    const durations = await readDurations(root, job, name, signal);
    const predictions: ReadonlyMap<string, Prediction> =
      driver === undefined
        ? (await readPast(root, job, plan, name, signal)).predictions
        : await predictSteps(root, job, plan, driver, stepSeconds(plan, durations), signal);
    const {overhead} = durations;
    const estimate = estimateOf({plan, predictions, overhead, driver: name, jobs: job.settings.jobs});
    const predict = ({id}: {readonly id: string}) => predictions.get(id);
    const report = planReport(plan, {context: job.settings.context, predict, estimate: estimate ?? null});
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

interface Completed {
  readonly plan: Plan;
  /** Undefined where there is none here. */
  readonly driver: Driver | undefined;
}

/** What the driver knows of base images is in the plan; without a driver there is a plan too. */
async function withBaseImages(
  job: OpenedJob,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Completed> {
  try {
    const driver = await chooseDriver(flags.driver, storeRoot(flags.root, terminal), terminal, signal);
    const nobody = () => Promise.resolve(undefined);
    return {plan: await completePlan(job, driver, nobody, {emit: () => undefined}, signal), driver};
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError && exitStatusOf[error.code] === 3) return {plan: job.plan, driver: undefined};
    throw error;
  }
}
