import {planReport} from '../plan/report.js';
import {renderPlan} from '../plan/render.js';
import type {BuildFlags} from './build-options.js';
import {readPast} from '../job/past.js';
import {openJob} from './open-job.js';
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
    const {predict} = await readPast(storeRoot(flags.root, terminal), job, job.plan, signal);
    const report = planReport(job.plan, {context: job.settings.context, predict});
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
