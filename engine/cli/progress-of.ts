import type {Redactor} from '../base/redact.js';
import {createProgress, progressModes} from '../progress/create.js';
import type {Progress} from '../progress/progress.js';
import type {Estimate} from '../progress/terminal.js';
import {wantsColor, type Terminal} from './terminal.js';

/** The progress display of `--progress` on standard error. */
export async function progressOf(
  mode: string,
  terminal: Terminal,
  redactor: Redactor,
  estimate?: Estimate,
): Promise<Progress> {
  const {environment} = terminal;
  return createProgress(progressModes.find((known) => known === mode) ?? 'auto', {
    write: (text) => terminal.error(text),
    now: () => Date.now(),
    color: wantsColor(environment, terminal.errorIsTty),
    redactor,
    isTerminal: terminal.errorIsTty,
    isDumb: (environment['TERM'] ?? 'dumb') === 'dumb',
    isCi: (environment['CI'] ?? '') !== '',
    columns: () => terminal.columns(),
    rows: () => terminal.rows(),
    ...(estimate !== undefined && {estimate}),
  });
}
