import {spawn} from 'node:child_process';
import type {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {createInterface} from 'node:readline';
import {BuildError, hasErrno} from '../base/errors.js';

export interface ToolRun {
  /** What errors call it; by default the first word of the command. */
  readonly name?: string;
  /** Added to the environment that this process has. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Standard input; nothing by default. */
  readonly input?: string;
  /** Called for each line of standard error. */
  readonly onLine?: (line: string) => void;
  /** Takes standard output; by default it is collected and returned. */
  readonly consume?: (stdout: Readable) => Promise<void>;
}

/** How long a tool may take to clean up after SIGTERM, in ms. */
const grace = 8000;

/**
 * Runs a program to its end and returns what it printed. On abort its whole process group gets SIGTERM, then SIGKILL,
 * and the promise rejects with the signal's reason when all have ended. Rejects with TOOL_MISSING where there is no such
 * program (in package `debianPackage`), and with BUILD_FAILED, and its last lines, where its exit status is not 0.
 */
export async function runTool(
  command: readonly [string, ...string[]],
  debianPackage: string,
  signal: AbortSignal,
  options: ToolRun = {},
): Promise<string> {
  signal.throwIfAborted();
  const {name = command[0], environment = {}, input = '', onLine = () => undefined, consume} = options;
  const settings = Object.entries(environment).map(([variable, value]) => `${variable}=${value}`);
  const [program, ...args] = settings.length === 0 ? command : ['env', ...settings, ...command];
  // A group of its own, so that the tool's children can be ended with it.
  const child = spawn(program, args, {detached: true, stdio: ['pipe', 'pipe', 'pipe']});
  const signalGroup = (how: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch (error) {
      if (!hasErrno(error, 'ESRCH')) throw error;
    }
  };
  let killer: NodeJS.Timeout | undefined;
  const stop = () => {
    signalGroup('SIGTERM');
    killer = setTimeout(() => signalGroup('SIGKILL'), grace);
  };
  signal.addEventListener('abort', stop, {once: true});
  const lastLines: string[] = [];
  createInterface({input: child.stderr}).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > 12) lastLines.shift();
    onLine(line);
  });
  const ended = new Promise<number | Error>((resolve) => {
    child.on('error', resolve).on('close', (code) => resolve(code ?? 1));
  });
  // A tool that ends early closes its input; its exit status says more than EPIPE does.
  child.stdin.on('error', () => undefined).end(input);
  try {
    const output = consume === undefined ? text(child.stdout) : consume(child.stdout).then(() => '');
    const [status, printed] = await Promise.allSettled([ended, output]);
    signal.throwIfAborted();
    const outcome = status.status === 'fulfilled' ? status.value : 1;
    // env(1) ends with 127 where it finds no such program.
    if (hasErrno(outcome, 'ENOENT') || outcome === 127) {
      throw new BuildError('TOOL_MISSING', `${name} is not installed`, {
        remedy: `Install it: apt-get install ${debianPackage}`,
      });
    }
    if (outcome instanceof Error) throw outcome;
    if (printed.status === 'rejected') throw printed.reason;
    if (outcome !== 0) {
      throw new BuildError('BUILD_FAILED', `${name} failed with exit status ${outcome}`, {
        remedy: lastLines.join('\n'),
      });
    }
    return printed.value;
  } finally {
    signal.removeEventListener('abort', stop);
    clearTimeout(killer);
  }
}
