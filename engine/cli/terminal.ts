import {fstatSync, writeSync} from 'node:fs';
import type {Writable} from 'node:stream';
import {isatty} from 'node:tty';
import type {EarlyExecutor} from '../drivers/embedded/early-executor.js';
import {BuildError, exitStatusOf, hasErrno, messageOf} from '../base/errors.js';

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
  /** Started with the process, for its build. */
  readonly executor?: EarlyExecutor | undefined;
}

/** Streams are made at their first use: a build that finds everything cached needs none, and they take 10 ms to load. */
export function systemTerminal(executor?: EarlyExecutor): Terminal {
  const stdout = (): Writable => {
    // A reader that went away (`build-image plan | head`) is no error of ours.
    if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', readerGone);
    return process.stdout;
  };
  const stderr = (): Writable => {
    // A build goes on when nobody reads its progress any more.
    if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => undefined);
    return process.stderr;
  };
  return {
    answer: createWriter(1, stdout),
    get answerStream() {
      // Who writes an output to it is told of every write that fails, also by a reader that went away before the end.
      if (!process.stdout.listeners('error').includes(leftToWriter)) process.stdout.on('error', leftToWriter);
      return process.stdout;
    },
    error: createWriter(2, stderr),
    environment: process.env,
    get directory() {
      return workingDirectory();
    },
    get stdin() {
      return process.stdin;
    },
    errorIsTty: isTerminal(2),
    answerIsTty: isTerminal(1),
    columns: () => process.stderr.columns || 80,
    rows: () => process.stderr.rows || 24,
    uid: process.geteuid?.() ?? 0,
    executor,
  };
}

/** Throws IO where it was deleted. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new BuildError('IO', 'the current directory does not exist any more', {
      remedy: 'Go to one that does: cd "$PWD", where it was made again.',
      cause: error,
    });
  }
}

function leftToWriter(): void {
  // As its name says.
}

function readerGone(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`build-image: cannot write to standard output: ${messageOf(error)}\n`);
  process.exit(exitStatusOf.IO);
}

/** Writes at once; to a pipe that is full or closed through the stream, which knows what to do. Throws BuildError IO. */
function createWriter(descriptor: number, stream: () => Writable): (text: string) => void {
  let direct = !isTerminal(descriptor);
  return (text) => {
    let rest: Buffer | string = text;
    if (direct) {
      const bytes = Buffer.from(text);
      let written = 0;
      try {
        while (written < bytes.length) written += writeSync(descriptor, bytes, written);
      } catch (error) {
        if (hasErrno(error, 'EAGAIN')) direct = false;
        // Where standard error cannot be written to, there is nobody to tell.
        else if (descriptor === 2) return;
        else if (hasErrno(error, 'EPIPE')) direct = false;
        else throw new BuildError('IO', `cannot write to standard output: ${messageOf(error)}`, {cause: error});
      }
      rest = bytes.subarray(written);
    }
    if (rest.length > 0) stream().write(rest);
  };
}

const nullDevice = 0x103;

/** As `isatty`, which is asked only where it may be one. */
function isTerminal(descriptor: number): boolean {
  try {
    const found = fstatSync(descriptor);
    return found.isCharacterDevice() && found.rdev !== nullDevice && isatty(descriptor);
  } catch {
    return false;
  }
}

/** Colours: off for NO_COLOR (any value but empty), TERM=dumb and without a terminal; FORCE_COLOR turns them on. */
export function wantsColor(environment: Terminal['environment'], isTty: boolean): boolean {
  if ((environment['NO_COLOR'] ?? '') !== '') return false;
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  return isTty && environment['TERM'] !== 'dumb';
}
