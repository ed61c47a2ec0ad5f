import {Socket} from 'node:net';
import {constants} from 'node:os';
import {cLibrary, type Native} from './libc.js';
import {errnoError} from './syscalls.js';

/** How a process ended: one of the two is null. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of which nothing is written to, and whose outputs are pipes. */
export interface SpawnedProcess {
  readonly pid: number;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream;
  /** Its end is known; its outputs may still be open elsewhere. */
  readonly exited: Promise<ProcessEnd>;
  /** It has ended, and nobody has its outputs open any more. */
  readonly closed: Promise<ProcessEnd>;
  readonly hasExited: boolean;
  /** Nothing where it has ended. */
  kill(signal: NodeJS.Signals): void;
}

/** Of posix_spawnattr_setflags(3): signals as they are by default, none blocked, a session of its own. */
const spawnFlags = 0x04 | 0x08 | 0x80;
/** More than the structures of the C libraries take, which are theirs alone. */
const opaqueBytes = 1024;
const closeOnExec = 0o2000000;
/** ms between two looks at a process whose outputs another holds open: it was killed, then. */
const lookEachMs = 100;
const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]),
);

interface Functions {
  readonly spawn: Native;
  readonly close: Native;
  readonly pipe: Native;
  readonly wait: Native;
  /** posix_spawn_file_actions_t: /dev/null, and the descriptors of two pipes. */
  readonly actions: (out: number, error: number) => Buffer;
  readonly drop: Native;
  /** posix_spawnattr_t, never changed. */
  readonly attributes: Buffer;
}

let functions: Functions | undefined;

/**
 * Starts a program without copying this process, as `child_process.spawn` does with fork(2): that takes 4 ms with 100 MB and
 * slows down everything after it, while posix_spawn(3) takes 0.6. What it prints comes through pipes, which it may open by
 * `/dev/stdout`; Node's are sockets. In a session of its own. Throws BuildError where it cannot be started.
 */
export function spawnProcess(
  path: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): SpawnedProcess {
  functions ??= bindFunctions();
  const {spawn, close, pipe, actions, drop, attributes, wait} = functions;
  const open = new Set<number>();
  const newPipe = (): readonly [number, number] => {
    const ends = Buffer.alloc(8);
    if (pipe(ends, closeOnExec) < 0) throw errnoError(`cannot start ${path}`, cLibrary().errno());
    const pair = [ends.readInt32LE(0), ends.readInt32LE(4)] as const;
    for (const end of pair) open.add(end);
    return pair;
  };
  const reader = (fd: number): Socket => {
    const socket = new Socket({fd, readable: true, writable: false});
    open.delete(fd);
    return socket;
  };
  try {
    const [out, err] = [newPipe(), newPipe()];
    const files = actions(out[1], err[1]);
    const pid = [0];
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const failed = spawn(pid, path, files, attributes, [path, ...argv, null], [...variables, null]);
    drop(files);
    if (failed !== 0) throw errnoError(`cannot start ${path}`, failed);
    return watch(pid[0] ?? 0, [reader(out[0]), reader(err[0])], wait);
  } finally {
    for (const descriptor of open) close(descriptor);
  }
}

function watch(pid: number, [stdout, stderr]: readonly [Socket, Socket], wait: Native): SpawnedProcess {
  const status = Buffer.alloc(4);
  let end: ProcessEnd | undefined;
  let known: (end: ProcessEnd) => void;
  const exited = new Promise<ProcessEnd>((resolve) => {
    known = resolve;
  });
  const look = (): boolean => {
    if (end !== undefined) return true;
    const noHang = 1;
    const found = wait(pid, status, noHang);
    if (found === 0) return false;
    clearInterval(looking);
    // Below zero: another has waited for it, which nobody does.
    end = found < 0 ? {code: null, signal: 'SIGKILL'} : endOf(status.readInt32LE());
    known(end);
    return true;
  };
  const looking = setInterval(look, lookEachMs);
  looking.unref();
  const drained = Promise.all(
    [stdout, stderr].map((stream) => new Promise((resolve) => stream.once('close', resolve))),
  );
  // A process closes its descriptors just before it can be waited for.
  const closed = drained.then(async () => {
    for (let looks = 0; !look(); looks++) await pause(looks);
    return exited;
  });
  return {
    pid,
    stdout,
    stderr,
    exited,
    closed,
    get hasExited() {
      return look();
    },
    kill: (signal) => {
      if (!look()) process.kill(pid, signal);
    },
  };
}

const pause = (looks: number): Promise<unknown> =>
  new Promise((resolve) => {
    if (looks < 20) setImmediate(resolve);
    else setTimeout(resolve, 1);
  });

/** Of waitpid(2). */
function endOf(status: number): ProcessEnd {
  const signal = status & 0x7f;
  return signal === 0
    ? {code: (status >> 8) & 0xff, signal: null}
    : {code: null, signal: signalNames.get(signal) ?? 'SIGKILL'};
}

function bindFunctions(): Functions {
  const {bind} = cLibrary();
  const init = bind('int posix_spawn_file_actions_init(_Inout_ uint8_t *actions)');
  const addOpen = bind(
    'int posix_spawn_file_actions_addopen(_Inout_ uint8_t *actions, int fd, str path, int flags, uint mode)',
  );
  const addDuplicate = bind('int posix_spawn_file_actions_adddup2(_Inout_ uint8_t *actions, int fd, int to)');
  return {
    spawn: bind(
      'int posix_spawn(_Out_ int *pid, str path, const uint8_t *actions, const uint8_t *attributes, const char **argv, const char **env)',
    ),
    close: bind('int close(int fd)'),
    pipe: bind('int pipe2(_Out_ uint8_t *ends, int flags)'),
    wait: bind('int waitpid(int pid, _Out_ uint8_t *status, int options)'),
    drop: bind('int posix_spawn_file_actions_destroy(_Inout_ uint8_t *actions)'),
    attributes: attributesOf(bind),
    actions(out, error) {
      const files = Buffer.alloc(opaqueBytes);
      init(files);
      addOpen(files, 0, '/dev/null', 0, 0);
      addDuplicate(files, out, 1);
      addDuplicate(files, error, 2);
      return files;
    },
  };
}

function attributesOf(bind: (prototype: string) => Native): Buffer {
  const attributes = Buffer.alloc(opaqueBytes);
  bind('int posix_spawnattr_init(_Inout_ uint8_t *attributes)')(attributes);
  bind('int posix_spawnattr_setflags(_Inout_ uint8_t *attributes, short flags)')(attributes, spawnFlags);
  const standard = Buffer.alloc(128);
  // Node ignores SIGPIPE, and a program keeps what is ignored. Those that are the C library's own, glibc would ignore.
  const {SIGKILL, SIGSTOP} = constants.signals;
  for (let signal = 1; signal <= 64; signal++) {
    if (signal === SIGKILL || signal === SIGSTOP) continue;
    standard[(signal - 1) >> 3] = (standard[(signal - 1) >> 3] ?? 0) | (1 << ((signal - 1) & 7));
  }
  bind('int posix_spawnattr_setsigdefault(_Inout_ uint8_t *attributes, const uint8_t *set)')(attributes, standard);
  const none = Buffer.alloc(128);
  bind('int posix_spawnattr_setsigmask(_Inout_ uint8_t *attributes, const uint8_t *set)')(attributes, none);
  return attributes;
}
