import type {Command} from 'commander';
import {BuildError, quote} from '../base/errors.js';
import {closeStore, openStore} from '../store/open.js';
import type {Store} from '../store/store.js';
import {durationOf} from './flag-values.js';
import {storeRoot} from './store-root.js';
import type {Terminal} from './terminal.js';

/** Flags that every command on the store has. */
export interface StoreFlags {
  readonly root?: string;
  readonly json?: boolean;
}

const dayMs = 24 * 60 * 60 * 1000;
const mostDays = 36_500;

/** Of `--root`. */
export const storePlace = 'directory of the store';

export function addStoreOptions(command: Command): Command {
  return command.option('--root <DIR>', storePlace).option('--json', 'print the answer as one JSON document');
}

/** `action` on the store that the flags name, which is closed afterwards. */
export async function withStoreOf<T>(
  flags: StoreFlags,
  terminal: Terminal,
  signal: AbortSignal,
  action: (store: Store) => Promise<T> | T,
): Promise<T> {
  const store = openStore(storeRoot(flags.root, terminal), signal);
  try {
    return await action(store);
  } finally {
    closeStore(store);
  }
}

/** `30d`, `12h`, `90` (seconds) in milliseconds. Throws BuildError USAGE. */
export function parseAge(text: string, flag: string): number {
  const days = /^(\d+(?:\.\d+)?)d$/.exec(text)?.[1];
  const age = days === undefined ? durationOf(text, flag) : Math.round(Number(days) * dayMs);
  if (age > 0 && age <= mostDays * dayMs) return age;
  throw new BuildError('USAGE', `${flag} is out of range: ${quote(text)}`);
}
