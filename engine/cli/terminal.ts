import type {Writable} from 'node:stream';

/** What the process offers to a command; a test passes its own. */
export interface Terminal {
  /** Standard output: the answer only. */
  answer(text: string): void;
  /** The same for bytes: an output whose destination is `-`. */
  readonly answerStream: Writable;
  /** Standard error: progress and errors. */
  error(text: string): void;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly directory: string;
  readonly stdin: NodeJS.ReadableStream & {readonly isTTY?: boolean};
  /** Facts about standard error. */
  readonly errorIsTty: boolean;
  readonly answerIsTty: boolean;
  columns(): number;
  rows(): number;
  /** Effective user. */
  readonly uid: number;
}

export function systemTerminal(): Terminal {
  // A reader that went away (`build-image plan | head`) is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    answer: (text) => void process.stdout.write(text),
    answerStream: process.stdout,
    error: (text) => void process.stderr.write(text),
    environment: process.env,
    directory: process.cwd(),
    stdin: process.stdin,
    errorIsTty: process.stderr.isTTY,
    answerIsTty: process.stdout.isTTY,
    columns: () => process.stderr.columns || 80,
    rows: () => process.stderr.rows || 24,
    uid: process.geteuid?.() ?? 0,
  };
}

/** Colours: off for NO_COLOR (any value but empty), TERM=dumb and without a terminal; FORCE_COLOR turns them on. */
export function wantsColor(environment: Terminal['environment'], isTty: boolean): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return isTty && environment['TERM'] !== 'dumb';
}
