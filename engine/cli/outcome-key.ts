import {statSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Progress} from '../progress/progress.js';
import type {BuildEventBody} from '../progress/events.js';
import type {NewBuildRecord} from '../store/build-record.js';
import type {Looked} from '../context/fingerprint.js';
import type {StoreNeeds} from '../store/needs.js';
import type {Terminal} from './terminal.js';

/** What is kept of a build that found everything cached: what it depended on, and what it said. Plain data. */
export interface KeptOutcome {
  readonly version: typeof outcomeVersion;
  readonly looked: Looked;
  /** Of `looked`: `fingerprint`. */
  readonly said: string;
  readonly newest: number;
  readonly needs: StoreNeeds;
  /** Of `--progress`; `quiet` with `--quiet`. */
  readonly mode: string;
  readonly events: readonly BuildEventBody[];
  readonly answer: string;
  /** The answer is a document with the seconds that the build took. */
  readonly json: boolean;
  readonly record: NewBuildRecord;
  /** Of the record. */
  readonly project: string;
}

export const outcomeVersion = 2;

/** Whether a build in this mode shows how long it will take, for which it reads the past. */
export const isLive = (mode: string, terminal: Terminal): boolean =>
  terminal.errorIsTty && (mode === 'auto' || mode === 'tty');

/** What a shell, or a tool that measures, sets anew for each command; it counts where an argument may name it. */
const ofShells = new Set(['_', 'OLDPWD', 'SHLVL', 'HYPERFINE_RANDOMIZED_ENVIRONMENT_OFFSET']);

/**
 * Everything from outside that may decide what this process does, except files: the program, its arguments, directory,
 * environment and user. Undefined where the program is not bundled: then no one file stands for it.
 */
export function outcomeKey(terminal: Terminal): string | undefined {
  const bundle = join(fileURLToPath(new URL('.', import.meta.url)), 'program.bundle.js');
  const program = statSync(bundle, {bigint: true, throwIfNoEntry: false});
  if (program === undefined) return undefined;
  const {dev, ino, size, mtimeNs, ctimeNs} = program;
  const argv = process.argv.slice(2);
  const counts = (name: string): boolean => !ofShells.has(name) || argv.some((argument) => argument.includes(name));
  return JSON.stringify([
    [bundle, process.version, ...[dev, ino, size, mtimeNs, ctimeNs].map(String)],
    argv,
    terminal.directory,
    terminal.uid,
    Object.entries(terminal.environment)
      .filter(([name]) => counts(name))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}

/** The same display, of which `events` keeps what it was told. */
export function overheard(progress: Progress, events: BuildEventBody[]): Progress {
  return {
    emit(event) {
      // For the history alone, and large.
      if (event.type !== 'step-key') events.push(event);
      progress.emit(event);
    },
    close: (error) => progress.close(error),
  };
}
