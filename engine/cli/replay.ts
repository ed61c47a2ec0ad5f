import {fingerprint} from '../context/fingerprint.js';
import type {Progress} from '../progress/progress.js';
import {recordBuild} from '../store/history.js';
import {holdNeeds} from '../store/needs.js';
import {closeStore, openStore} from '../store/open.js';
import {readOutcome} from '../store/outcomes.js';
import {flagIn} from './flag-in.js';
import {isLive, type KeptOutcome, outcomeKey, outcomeVersion} from './outcome-key.js';
import {namedRoot} from './store-root.js';
import {systemTerminal, type Terminal} from './terminal.js';

/**
 * Answers a build whose outcome is kept, where everything that decided it is as it was: the same is said, kept in the history
 * and held in the store as if it had been built. Undefined where it must be built; nothing has been said then.
 * The modules of a build are not loaded.
 */
export async function replay(argv: readonly string[]): Promise<number | undefined> {
  const terminal = systemTerminal();
  const began = process.hrtime.bigint();
  const seconds = (): number => Number(process.hrtime.bigint() - began) / 1e9;
  const found = read(argv, terminal);
  if (found === undefined || isLive(found.kept.mode, terminal)) return undefined;
  const {root, kept} = found;
  const {signal} = new AbortController();
  let progress: Progress | undefined;
  let store;
  try {
    if (fingerprint(kept.looked, kept.newest)?.said !== kept.said) return undefined;
    store = openStore(root, signal);
    if (!holdNeeds(store, kept.needs)) {
      closeStore(store);
      return undefined;
    }
    progress = await progressFor(kept.mode, terminal);
  } catch {
    // Whatever it is, the build itself meets it again, and says what to do.
    if (store !== undefined) closeStore(store);
    return undefined;
  }
  try {
    for (const event of kept.events) {
      progress?.emit(event.type === 'result' ? {...event, seconds: seconds()} : event);
    }
    const recorded = recordBuild(root, {...kept.record, seconds: seconds()}, new Date(), signal, kept.project);
    if (!recorded.written) progress?.emit({type: 'note', message: recorded.note});
  } finally {
    closeStore(store);
    progress?.close();
  }
  terminal.answer(kept.json ? withSeconds(kept.answer, seconds()) : kept.answer);
  return 0;
}

function read(argv: readonly string[], terminal: Terminal): {root: string; kept: KeptOutcome} | undefined {
  try {
    const root = namedRoot(flagIn(argv, '--root'), terminal);
    const key = outcomeKey(terminal);
    const kept = key === undefined ? undefined : (readOutcome(root, key) as Partial<KeptOutcome> | undefined);
    return kept?.version === outcomeVersion ? {root, kept: kept as KeptOutcome} : undefined;
  } catch {
    return undefined;
  }
}

/** Quiet progress says nothing about steps that are cached. */
async function progressFor(mode: string, terminal: Terminal): Promise<Progress | undefined> {
  if (mode === 'quiet') return undefined;
  const {createRedactor} = await import('../base/redact.js');
  const {progressOf} = await import('./progress-of.js');
  return progressOf(mode, terminal, createRedactor());
}

const withSeconds = (answer: string, seconds: number): string =>
  `${JSON.stringify({...(JSON.parse(answer) as object), seconds}, null, 2)}\n`;
