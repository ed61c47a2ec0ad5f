import {BuildError, exitStatusOf} from '../base/errors.js';
import type {Driver} from '../drivers/driver.js';
import {readForecasts} from '../experiment/forecast.js';
import {planExperiment} from '../experiment/plan-experiment.js';
import {preview, renderPreview} from '../experiment/preview.js';
import {chooseDriver} from './driver-choice.js';
import type {ExperimentFlags} from './experiment-options.js';
import {setUpExperiment} from './experiment-setup.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

/** `build-image experiment plan FILE`: the matrix, what each variant adds and how long it takes. Nothing is built. */
export async function experimentPlanCommand(
  args: readonly (string | undefined)[],
  flags: ExperimentFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const {job, definition, jobs} = await setUpExperiment(args, flags, terminal, signal, false);
  try {
    const root = storeRoot(flags.root, terminal);
    const driver = await driverIfAny(flags.driver, root, terminal, signal);
    const credentials = (): Promise<undefined> => Promise.resolve(undefined);
    const events = {emit: () => undefined};
    const planned = await planExperiment(job, definition, {driver, credentials}, events, signal);
    try {
      const forecast = await readForecasts(root, planned.variants, signal);
      const shown = preview(planned, jobs, (variant, {id}) => forecast(variant, id));
      for (const note of job.notes) terminal.error(`${note}\n`);
      terminal.answer(flags.json === true ? `${JSON.stringify(shown, null, 2)}\n` : renderPreview(shown));
      return planned.variants.some(({failure}) => failure !== undefined) ? 1 : 0;
    } finally {
      await planned.close();
    }
  } finally {
    await job.close();
  }
}

/** Without a driver there is a plan too. */
async function driverIfAny(
  name: string,
  root: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Driver | undefined> {
  try {
    return await chooseDriver(name, root, terminal, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError && exitStatusOf[error.code] === 3) return undefined;
    throw error;
  }
}
