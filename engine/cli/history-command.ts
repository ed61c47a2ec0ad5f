import {count, formatDuration} from '../progress/format.js';
import type {BuildRecord} from '../store/build-record.js';
import {readHistory} from '../store/history.js';
import {parseCount} from './flag-values.js';
import type {StoreFlags} from './store-options.js';
import {storeRoot} from './store-root.js';
import {renderTable} from './table.js';
import type {Terminal} from './terminal.js';

export interface HistoryFlags extends StoreFlags {
  readonly last?: string;
}

/** `build-image history`: past builds, the newest first. */
export async function historyCommand(
  _path: string | undefined,
  flags: HistoryFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const most = flags.last === undefined ? undefined : parseCount(flags.last, '--last');
  const {records, unreadable} = await readHistory(
    storeRoot(flags.root, terminal),
    {...(most !== undefined && {most})},
    signal,
  );
  if (flags.json === true) {
    terminal.answer(`${JSON.stringify({builds: records, unreadable}, null, 2)}\n`);
    return 0;
  }
  terminal.answer(renderTable([['TIME', 'OUTCOME', 'TOOK', 'STEPS', 'DRIVER', 'BUILD'], ...records.map(rowOf)]));
  if (unreadable.length > 0) {
    terminal.error(`${count(unreadable.length, 'file')} in the history cannot be read: ${unreadable.join(', ')}\n`);
  }
  return 0;
}

function rowOf(build: BuildRecord): readonly string[] {
  const {time, outcome, seconds, steps, driver, contextName, dockerfile, target} = build;
  const cached = steps.filter((step) => step.cached).length;
  return [
    time.slice(0, 19),
    outcome,
    formatDuration(seconds),
    `${count(steps.length, 'step')}${cached === 0 ? '' : `, ${cached} cached`}`,
    driver,
    `${contextName}: ${dockerfile} (${target})`,
  ];
}
