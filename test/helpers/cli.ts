import {spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {mkdirSync, mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import type {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import type {ExecutionContext} from 'ava';
import {leftovers, type TestDaemon} from './daemon.js';
import {writeTree, type TreeEntry} from './tree.js';

/** The compiled modules; `scripts/test` names the bundle, which is what users run. */
const program = resolve(process.env['BUILD_IMAGE_TEST_PROGRAM'] ?? 'dist/engine/cli/main.js');

export interface CliOptions {
  readonly cwd?: string;
  /** Over a clean environment; undefined unsets. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Uint8Array | Readable;
  /** Sends the signal (SIGINT) after so many milliseconds. */
  readonly signalAfter?: number;
  /** Sends SIGINT once standard error holds this. */
  readonly signalOn?: string;
  /** Called with everything that standard error holds, as it grows. */
  readonly onProgress?: (soFar: string, pid: number) => void;
  /** In front of `node`, such as `setpriv …`. */
  readonly prefix?: readonly string[];
}

export interface CliRun {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start to the end. */
  readonly seconds: number;
  /** From the signal to the end; NaN without one. */
  readonly secondsAfterSignal: number;
}

/** Names that would make a run depend on who starts the tests. */
const foreign =
  /^(?:DOCKER_|COMPOSE_|BUILD_IMAGE_|BUILDKIT_|BUILDX_|NODE_|AVA_|FORCE_COLOR$|NO_COLOR$|XDG_|SSH_AUTH_SOCK$|CI$)/;

/** Runs the compiled command line as a process of its own. Rejects only where it cannot be started. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const {cwd, env = {}, stdin, signalAfter, signalOn, onProgress, prefix = []} = options;
  const own = Object.entries({...process.env}).filter(([name]) => !foreign.test(name));
  const [command = 'node', ...rest] = [...prefix, process.execPath, program, ...args];
  const started = performance.now();
  const child = spawn(command, rest, {cwd, env: {...Object.fromEntries(own), ...env}});
  let signalled = Number.NaN;
  const interrupt = (): void => {
    if (!Number.isNaN(signalled)) return;
    signalled = performance.now();
    child.kill('SIGINT');
  };
  const timer = signalAfter === undefined ? undefined : setTimeout(interrupt, signalAfter);
  let seen = '';
  child.stderr.on('data', (piece: Buffer) => {
    seen += piece.toString();
    onProgress?.(seen, child.pid ?? 0);
    if (signalOn !== undefined && seen.includes(signalOn)) interrupt();
  });
  // A run that ends without reading its input is no fault of the test.
  child.stdin.on('error', () => undefined);
  if (stdin === undefined || typeof stdin === 'string' || stdin instanceof Uint8Array) child.stdin.end(stdin);
  else stdin.pipe(child.stdin);
  const [stdout, stderr, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((done, fail) => child.on('error', fail).on('close', done)),
  ]);
  clearTimeout(timer);
  const ended = performance.now();
  return {
    status,
    stdout,
    stderr,
    seconds: (ended - started) / 1000,
    secondsAfterSignal: (ended - signalled) / 1000,
  };
}

/** What `build --json` answers. */
export interface Answer {
  readonly driver: string;
  readonly digest: string | null;
  readonly configDigest: string | null;
  readonly tags: readonly string[];
  readonly outputs: readonly string[];
  readonly artifacts: readonly {
    readonly path: string;
    readonly sha256: string;
    readonly size: number;
    readonly package: string;
    readonly version: string;
    readonly architecture: string;
  }[];
  readonly steps: {readonly ran: number; readonly cached: number};
  readonly seconds: number;
  readonly warnings: readonly {readonly rule: string; readonly line: number; readonly message: string}[];
}

export interface Workshop {
  /** The checkout that the command runs in. */
  readonly root: string;
  /** TMPDIR of the runs. */
  readonly temporary: string;
  /** BUILD_IMAGE_ROOT of the runs. */
  readonly store: string;
  /** A label that nothing else on the daemon has: `LABEL run=…` in a Dockerfile tells what a run left behind. */
  readonly run: string;
  /** Tag that is removed with the workshop. */
  readonly tag: string;
  readonly cli: (args: readonly string[], options?: CliOptions) => Promise<CliRun>;
}

/**
 * A directory with `tree`, and the command line in it: against `daemon`, with a home, a store and a TMPDIR of its own.
 * All of it goes when the test ends.
 */
export function workshop(
  t: ExecutionContext,
  daemon: TestDaemon | undefined,
  tree: Readonly<Record<string, TreeEntry>> = {},
): Workshop {
  const base = mkdtempSync(join(tmpdir(), 'build-image-test-'));
  const [root, temporary, store, home] = ['work', 'tmp', 'store', 'home'].map((name) => join(base, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const directory of [root, temporary, home]) mkdirSync(directory);
  writeTree(root, tree);
  // Test files may be threads of one process.
  const run = randomBytes(6).toString('hex');
  const tag = `build-image-test/cli:${run}`;
  t.teardown(async () => {
    rmSync(base, {recursive: true, force: true});
    if (daemon === undefined) return;
    // What had the tag before the last build, too.
    const {untagged} = await leftovers(daemon, `run=${run}`).catch(() => ({untagged: []}));
    for (const image of [tag, ...untagged]) {
      await daemon.docker
        .getImage(image)
        .remove({force: true})
        .catch(() => undefined);
    }
  });
  const environment = {
    HOME: home,
    TMPDIR: temporary,
    BUILD_IMAGE_ROOT: store,
    DOCKER_HOST: daemon === undefined ? `unix://${base}/no.sock` : `unix://${daemon.socket}`,
  };
  return {
    root,
    temporary,
    store,
    run,
    tag,
    cli: (args, options = {}) => runCli(args, {cwd: root, ...options, env: {...environment, ...options.env}}),
  };
}

/** Names below a directory, or nothing where it is not there. */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
