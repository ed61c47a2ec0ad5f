import {type ChildProcess, execFile, type Serializable, spawn, type StdioOptions} from 'node:child_process';
import {once} from 'node:events';
import {promisify} from 'node:util';
import {adoptAuthorities, environmentWithout} from '../../base/authorities.js';
import {BuildError, hasErrno, messageOf} from '../../base/errors.js';
import {exitStatus} from '../../base/exit-status.js';
import {namespaceRefusal} from './namespace-refusal.js';

export interface NamespaceOptions {
  /**
   * Has the rights of the machine's root; false: those of a user namespace, which is made first, with the caller's subordinate ids,
   * where the caller is not root of one already.
   */
  readonly root: boolean;
  readonly args?: readonly string[];
  /** For Node itself: `--max-old-space-size=…`. */
  readonly nodeOptions?: readonly string[];
  /** It has the caller's input and both outputs. */
  readonly interactive?: boolean;
  /** A message that awaits it. */
  readonly first?: Serializable;
  readonly signal: AbortSignal;
}

/** A Node process in namespaces of its own; messages go both ways by structured clone. */
export interface NamespacedProcess {
  /** `send`, `on('message')`, `disconnect`. */
  readonly channel: ChildProcess;
  /** The exit status, or 128 and the signal's number, when the process and all it started have ended. */
  readonly ended: Promise<number>;
  /** What it has written to standard error, its beginning. */
  readonly errors: () => string;
  /** Ends it and everything it started, at once. Idempotent; resolves when all is gone. */
  kill(): Promise<void>;
}

const mostErrorText = 8192;

/**
 * Starts `node script` as process 1 of new mount and pid namespaces, with a /proc of its own. Nothing outlives it: where it, its
 * parent or the process between them dies, even by SIGKILL, the kernel ends all its processes and takes its mounts
 * away. Resolves when the script has called `namespaceReady`. Rejects with KERNEL_REFUSED or TOOL_MISSING and the remedy.
 */
export async function enterNamespace(script: string, options: NamespaceOptions): Promise<NamespacedProcess> {
  options.signal.throwIfAborted();
  const [program, ...args] = command(script, options);
  const interactive = options.interactive === true;
  const mapped = mapsIds(options);
  const stdio: StdioOptions = interactive
    ? ['inherit', 'inherit', 'inherit', 'ipc']
    : ['ignore', 'inherit', 'pipe', 'ipc'];
  // What has the terminal cannot have a process group of its own, which is killed where something of it is left.
  if (interactive && mapped) await askKernel(options.signal);
  const spawned = {stdio, serialization: 'advanced', env: environmentWithout(), detached: !interactive} as const;
  const child = spawn(program, args, spawned);
  const killGroup = () => {
    if (!interactive && child.pid !== undefined) killAll(child.pid);
  };
  if (options.first !== undefined && child.connected) child.send(options.first, () => undefined);
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (errors.length < mostErrorText) errors += chunk.toString();
  });
  let isReady = false;
  let exit: number | undefined;
  let resolveEnd: (outcome: number | Error) => void = () => undefined;
  const ended = new Promise<number | Error>((resolve) => (resolveEnd = resolve));
  /** Node emits no `close` where this side has closed the channel. */
  const settle = () => {
    if (exit !== undefined && !child.connected && child.stderr?.closed !== false) resolveEnd(exit);
  };
  child.on('error', resolveEnd);
  child.on('exit', (code, name) => {
    exit = exitStatus(code, name);
    // Refused by the kernel, unshare leaves the process that was to map the ids, which waits for ever and holds the pipes.
    if (!isReady) killGroup();
    settle();
  });
  child.stderr?.on('close', settle);
  child.on('close', () => resolveEnd(exit ?? 1));
  const stop = () => {
    child.kill('SIGKILL');
    killGroup();
    // If unshare is killed before it has told the kernel to end its child too, that one ends as its channel closes.
    if (child.connected) child.disconnect();
    settle();
  };
  const kill = async () => {
    stop();
    await ended;
  };
  options.signal.addEventListener('abort', stop, {once: true});
  try {
    const outcome = await Promise.race([ready(child), ended]);
    options.signal.throwIfAborted();
    if (outcome === 'ready') {
      isReady = true;
      return {channel: child, ended: ended.then(numberOf), errors: () => errors.replaceAll(killedNote, ''), kill};
    }
    if (hasErrno(outcome, 'ENOENT')) {
      throw new BuildError('TOOL_MISSING', `${program} is not installed`, {
        remedy: 'Install it: apt-get install util-linux',
      });
    }
    if (errors.search(killedNote) !== -1) throw new BuildError('IO', 'a process of the build was killed as it started');
    const detail = outcome instanceof Error ? messageOf(outcome) : errors.trim() || `exit status ${outcome}`;
    throw namespaceRefusal(!mapped, detail);
  } catch (error) {
    await kill();
    throw error;
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}

function killAll(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch (error) {
    // All of it has ended, or what is left is another's and ends with its namespace.
    if (!hasErrno(error, 'ESRCH', 'EPERM')) throw error;
  }
}

/** Whether the kernel makes the namespaces of an ordinary user: no ids are mapped, so that nothing waits where it does not. */
async function askKernel(signal: AbortSignal): Promise<void> {
  try {
    await promisify(execFile)('unshare', ['--user', '--mount', '--pid', 'true'], {signal});
  } catch (error) {
    signal.throwIfAborted();
    const {stderr} = error as {readonly stderr?: string};
    // Without a word of unshare, the real one says what is missing.
    if (stderr !== undefined && stderr !== '') throw namespaceRefusal(false, stderr.trim());
  }
}

async function ready(child: ChildProcess): Promise<'ready'> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [unknown];
    if (message === readyMessage) return 'ready';
  }
}

/** What `unshare` says after its child was killed: it tries to end by the same signal. */
const killedNote = /^unshare: sigprocmask unblock failed.*\n?/gm;

const readyMessage = 'namespace-ready';
const numberOf = (outcome: number | Error) => (outcome instanceof Error ? 1 : outcome);

const mapsIds = ({root}: Pick<NamespaceOptions, 'root'>): boolean => !root && process.geteuid?.() !== 0;

function command(script: string, {root, args = [], nodeOptions = []}: NamespaceOptions): [string, ...string[]] {
  return [
    // unshare ends its child when it dies, but nothing would end unshare itself.
    'setpriv',
    '--pdeathsig',
    'KILL',
    'unshare',
    ...(mapsIds({root}) ? ['--user', '--map-root-user', '--map-auto'] : []),
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    process.execPath,
    ...nodeOptions,
    script,
    ...args,
  ];
}

/**
 * Called by the script first: tells the parent that the namespaces are there, and ends this process when the parent goes.
 * Process 1 of a namespace has no default for signals, so that those of a terminal are left to the parent.
 */
export function namespaceReady(): void {
  adoptAuthorities();
  process.on('disconnect', () => process.exit(1));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
  // Files of the image that are made for the runtime do not vary with the caller's mask.
  process.umask(0o022);
  process.send?.(readyMessage);
}
