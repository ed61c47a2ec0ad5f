import {existsSync, readFileSync} from 'node:fs';
import {StringDecoder} from 'node:string_decoder';
import {setTimeout as sleep} from 'node:timers/promises';
import {hasErrno} from '../../../base/errors.js';
import {exitStatus} from '../../../base/exit-status.js';
import type {Launch, Launcher} from './launcher.js';

/** Takes what the step prints, decoded as UTF-8; never throws. */
export type LogSink = (stream: 'stdout' | 'stderr', text: string) => void;

export interface ContainerRun {
  readonly launcher: Launcher;
  /** The text of `config.json`. */
  readonly config: string;
  readonly log: LogSink;
  /** Characters of output that are passed on; the rest is dropped and said. */
  readonly logLimit: number;
  /** Reads and writes what this process does, instead of the log. */
  readonly interactive: boolean;
  /** Called when it has begun. */
  readonly beside: (() => void) | undefined;
  readonly signal: AbortSignal;
}

export interface ContainerEnd {
  /** Of process 1; 128 and the signal's number where it was killed. */
  readonly status: number;
  /** What the runtime said where it could not start the process. */
  readonly failure: string | undefined;
}

/** How long after a kill the pid file is waited for, in ms. */
const patience = 500;

/**
 * Runs a container to its end. On abort its process 1 gets SIGKILL, and with it all processes of its pid namespace;
 * resolves as for any other end, and the caller looks at the signal.
 */
export async function runContainer(run: ContainerRun): Promise<ContainerEnd> {
  const {launcher, config, interactive} = run;
  const first = launcher.launch(config, {interactive, early: true});
  if (run.beside !== undefined) setImmediate(run.beside);
  const end = await endOf(first, run);
  // It may have been killed while it waited, or take no such configuration: the container has not begun, and begins now or says why not.
  if (!first.early || end.began || run.signal.aborted) return end;
  return endOf(launcher.launch(config, {interactive, early: false}), run);
}

async function endOf(launch: Launch, run: ContainerRun): Promise<ContainerEnd & {readonly began: boolean}> {
  const {signal} = run;
  const {child, pidFile} = launch;
  const output = limitedLog(run.log, run.logLimit);
  for (const stream of ['stdout', 'stderr'] as const) {
    forward(child[stream], (text) => {
      output(stream, text);
    });
  }
  let over = false;
  // A runtime that was killed leaves its container to run on, and that holds our end of the pipes open.
  void child.exited.then(({signal: name}) => {
    if (name !== null) killContainer(pidFile);
  }, ignore);
  const ended = child.closed.then(({code, signal: name}) => {
    over = true;
    return exitStatus(code, name);
  });
  const stop = async () => {
    const start = Date.now();
    while (!over && Date.now() - start < patience) {
      if (killContainer(pidFile)) return;
      await sleep(5);
    }
    child.kill('SIGKILL');
  };
  const onAbort = () => void stop();
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, {once: true});
  try {
    const status = await ended;
    const failure = status === 0 ? undefined : failureIn(launch.logFile);
    return {status, failure, began: status === 0 || existsSync(pidFile)};
  } finally {
    signal.removeEventListener('abort', onAbort);
    run.launcher.remove(launch);
  }
}

const ignore = (): void => undefined;

/** False where the container has no process yet. */
function killContainer(pidFile: string): boolean {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, 'utf8'));
  } catch {
    return false;
  }
  if (!Number.isSafeInteger(pid) || pid <= 1) return false;
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
  return true;
}

function forward(from: NodeJS.ReadableStream | undefined, write: (text: string) => void): void {
  if (from === undefined) return;
  const decoder = new StringDecoder('utf8');
  from.on('data', (chunk: Buffer) => write(decoder.write(chunk)));
  from.on('end', () => write(decoder.end()));
}

/** Both streams count together, as in BuildKit. */
function limitedLog(log: LogSink, limit: number): LogSink {
  let left = limit;
  return (stream, text) => {
    if (left <= 0 || text === '') return;
    const shown = text.length > left ? text.slice(0, left) : text;
    left -= text.length;
    log(stream, shown);
    if (left <= 0) log(stream, `\n[output clipped: the step printed more than ${limit} characters]\n`);
  };
}

/** The last error in the runtime's log; undefined where the program itself ended so. */
function failureIn(logFile: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(logFile, 'utf8');
  } catch {
    return undefined;
  }
  let failure: string | undefined;
  for (const line of text.split('\n')) {
    try {
      const entry = JSON.parse(line) as {level?: unknown; msg?: unknown};
      if (typeof entry.msg === 'string' && entry.level !== 'warning') failure = entry.msg;
    } catch {
      // not an entry
    }
  }
  return failure;
}
