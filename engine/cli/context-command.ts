import {inspectContext, renderContext} from '../context/inspect.js';
import type {BuildFlags} from './build-options.js';
import {openJob} from './open-job.js';
import type {Terminal} from './terminal.js';

/** `build-image context`: every path, sent or ignored, with the rule that decided; sizes; the ten largest files. */
export async function contextCommand(
  path: string | undefined,
  flags: BuildFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const job = await openJob(path, flags, terminal, signal);
  try {
    const inspection = await inspectContext(job.context, signal);
    terminal.answer(flags.json === true ? `${JSON.stringify(inspection, null, 2)}\n` : renderContext(inspection));
    return 0;
  } finally {
    await job.close();
  }
}
