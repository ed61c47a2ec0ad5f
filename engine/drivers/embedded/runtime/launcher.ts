import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, constants, openSync, renameSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import {type ProcessEnd, type SpawnedProcess, spawnProcess} from '../../../base/spawn-process.js';
import {syscalls} from '../../../base/syscalls.js';
import {directories, type OciRuntime} from './detect.js';

/** `stdout`, `stderr`: where they are not this process's own. */
export type RuntimeProcess = Pick<SpawnedProcess, 'exited' | 'closed' | 'hasExited' | 'kill'> &
  Partial<Pick<SpawnedProcess, 'stdout' | 'stderr'>>;

/** The runtime's process of one container. */
export interface Launch {
  readonly id: string;
  readonly child: RuntimeProcess;
  /** The runtime writes the number of the container's process 1 here. */
  readonly pidFile: string;
  /** The runtime's own messages, a JSON object a line. */
  readonly logFile: string;
  /** It was started before its configuration was known. */
  readonly early: boolean;
}

export interface LauncherOptions {
  readonly program: OciRuntime;
  readonly rootless: boolean;
  /** A tmpfs: a configuration may hold secrets. */
  readonly memoryDirectory: string;
  /** The runtime's state directory. */
  readonly stateDirectory: string;
}

export interface Launcher {
  /**
   * Runs the container of a configuration (the text of `config.json`). `interactive`: it has this process's input and outputs,
   * else its outputs are pipes. `early: false`: not by a runtime that waits.
   */
  launch(config: string, how: {readonly interactive: boolean; readonly early: boolean}): Launch;
  /** The container has ended: what it left goes when there is time, with the tmpfs at the latest. */
  remove(launch: Launch): void;
  /**
   * Starts a runtime that waits for the configuration of a container to come, where none does: half of the time that crun
   * takes to start a container goes by before it reads that. Nothing is done for runc, which starts itself anew afterwards.
   */
  prepare(): void;
  /** Ends one that waits. Idempotent. */
  close(): void;
}

interface Waiting {
  readonly launch: Launch;
  readonly bundle: string;
  /** The pipe that it reads as its configuration, open for both: it sees the end when this is closed, be it by SIGKILL. */
  readonly pipe: number;
}

export function createLauncher({program, rootless, memoryDirectory, stateDirectory}: LauncherOptions): Launcher {
  // Nothing of the caller's: LISTEN_FDS or NOTIFY_SOCKET would be handed on. The variable says where the runtime puts the copy of
  // itself that it runs as (CVE-2019-5736), which stays there if it is killed meanwhile; without, in /tmp.
  const environment = {PATH: directories.join(':'), _LIBCONTAINER_STATEDIR: stateDirectory};
  let count = 0;
  let waiting: Waiting | undefined;
  /** Of containers that have ended. The runtime removes its state itself, where it is not killed. */
  const over: string[] = [];

  function newBundle(): {readonly id: string; readonly bundle: string} {
    const id = `step-${count++}`;
    const bundle = join(memoryDirectory, id);
    makeDirectories(bundle, 0o700);
    return {id, bundle};
  }

  function start(id: string, bundle: string, interactive: boolean, early: boolean): Launch {
    const pidFile = join(bundle, 'pid');
    const logFile = join(bundle, 'runtime.log');
    const isCrun = program.kind === 'crun';
    // For crun what is before a colon says what kind of log it is; the path of a store may have one.
    const common = ['--root', stateDirectory, '--log', isCrun ? `file:${logFile}` : logFile, '--log-format', 'json'];
    const own = isCrun ? ['--cgroup-manager=disabled'] : rootless ? ['--rootless=true'] : [];
    const words = [...own, ...common, 'run', '--bundle', bundle, '--pid-file', pidFile, id];
    const child = interactive
      ? attached(spawn(program.path, words, {stdio: 'inherit', env: environment}))
      : spawnProcess(program.path, words, environment);
    return {id, child, pidFile, logFile, early};
  }

  function launchNow(config: string, interactive: boolean): Launch {
    const {id, bundle} = newBundle();
    writeFileSync(join(bundle, 'config.json'), config, {mode: 0o600});
    return start(id, bundle, interactive, false);
  }

  /** Undefined where the one that waited cannot take it. */
  function handOver({launch, bundle, pipe}: Waiting, config: string): Launch | undefined {
    try {
      if (launch.child.hasExited) return undefined;
      const beside = join(bundle, 'next.json');
      writeFileSync(beside, config, {mode: 0o600});
      // What has not opened the pipe yet finds the file, as does what reads the configuration a second time.
      renameSync(beside, join(bundle, 'config.json'));
      const bytes = Buffer.from(config);
      // A pipe takes this much at once or, where the user has many, less: nothing is waited for here.
      if (writeSync(pipe, bytes) === bytes.length) return launch;
    } catch {
    } finally {
      closeSync(pipe);
    }
    end(launch);
    return undefined;
  }

  return {
    launch(config, {interactive, early}) {
      if (!early || interactive || waiting === undefined) return launchNow(config, interactive);
      const ready = waiting;
      waiting = undefined;
      return handOver(ready, config) ?? launchNow(config, interactive);
    },
    remove({id}) {
      over.push(id);
    },
    prepare() {
      if (waiting !== undefined) return;
      for (const id of over.splice(0)) rmSync(join(memoryDirectory, id), {recursive: true, force: true});
      if (program.kind !== 'crun') return;
      const {id, bundle} = newBundle();
      const path = join(bundle, 'config.json');
      syscalls().makeNode(path, constants.S_IFIFO | 0o600, 0, 0);
      const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
      try {
        waiting = {launch: start(id, bundle, false, true), bundle, pipe};
      } catch {
        // Told by the next step, which starts its own.
        closeSync(pipe);
      }
    },
    close() {
      if (waiting === undefined) return;
      end(waiting.launch);
      closeSync(waiting.pipe);
      waiting = undefined;
    },
  };
}

/** Of one that runs no container. */
function end({child}: Launch): void {
  child.kill('SIGKILL');
  // Closed when they are read to their end.
  for (const output of [child.stdout, child.stderr]) output?.resume();
}

/** Beside the caller's group no more than the caller: who reads the terminal is in it. */
function attached(child: ChildProcess): RuntimeProcess {
  const ended = async (event: 'exit' | 'close'): Promise<ProcessEnd> => {
    const [code, signal] = (await once(child, event)) as [number | null, NodeJS.Signals | null];
    return {code, signal};
  };
  return {
    exited: ended('exit'),
    closed: ended('close'),
    get hasExited() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    kill: (signal) => void child.kill(signal),
  };
}
