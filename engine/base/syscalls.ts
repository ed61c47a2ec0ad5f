import {constants} from 'node:os';
import {deviceNumber} from './device-number.js';
import {BuildError, type ErrorCode} from './errors.js';
import {atCwd, cLibrary, cPath, noFollow} from './libc.js';

/** A path: text, or the file system's own bytes. */
export type Path = string | Buffer;

export interface Timestamp {
  /** Since 1970, may be negative. */
  readonly seconds: number;
  /** 0 to 999999999. */
  readonly nanoseconds: number;
}

/** What Node has no function for. Every function throws BuildError (`cause.code` is the errno's name). Linux only. */
export interface Syscalls {
  /** mount(2). */
  mount(source: string, target: string, type: string, flags: number, data: string): void;
  /** Mounts an overlay through the mount API of Linux 5.2 (6.5 for `lowerdir+`): no limit on the length of the options. */
  mountOverlay(
    target: string,
    options: readonly (readonly [key: string, value: string | undefined])[],
    flags: number,
  ): void;
  /** umount2(2). */
  unmount(target: string, flags: number): void;
  /** flock(2). False where another open file has the lock and `wait` is not asked for; with `wait` it blocks the thread. */
  lock(descriptor: number, kind: 'shared' | 'exclusive', wait: boolean): boolean;
  /** Writes the whole file system of an open file to disk. */
  syncFileSystem(descriptor: number): void;
  /** renameat2(2) with RENAME_NOREPLACE or RENAME_EXCHANGE. */
  rename(from: Path, to: Path, how: 'no-replace' | 'exchange'): void;
  /** Names of the extended attributes; of a symlink itself. Empty where the file system has none. */
  listXattrs(path: Path): readonly string[];
  /** Undefined where there is none of that name. */
  getXattr(path: Path, name: string): Buffer | undefined;
  setXattr(path: Path, name: string, value: Uint8Array): void;
  removeXattr(path: Path, name: string): void;
  /** mknod(2); `mode` with the type's bits (S_IFCHR, …). */
  makeNode(path: Path, mode: number, major: number, minor: number): void;
  /** Access and modification time; of a symlink itself. */
  setTimes(path: Path, time: Timestamp): void;
  /** The same for an open file. */
  setFileTimes(descriptor: number, time: Timestamp): void;
  /**
   * Opens `path` with `root` as its `/` (openat2, RESOLVE_IN_ROOT and no magic links): not even a symlink that changes
   * meanwhile leads out. The caller closes the descriptor. `root` is an open directory.
   */
  openInRoot(root: number, path: Path, flags: number): number;
  /** Attaches an eBPF program that decides on devices to the control group (version 2) open as `cgroup`, in place of one there. */
  filterDevices(cgroup: number, program: Uint8Array): void;
  /**
   * Marks an open directory as the top of trees that have nothing to do with each other (FS_TOPDIR_FL, chattr(1) `+T`): ext2
   * and its successors lay each subdirectory into a part of the disk of its own. Throws where the file system has no such mark.
   */
  spreadSubdirectories(descriptor: number): void;
  /** umask(2) of the process, also in a worker thread. Returns the one before. */
  umask(mask: number): number;
}

export const mountFlags = {
  readOnly: 1,
  noSuid: 2,
  noDevices: 4,
  noExec: 8,
  remount: 32,
  bind: 4096,
  move: 8192,
  recursive: 16384,
  private: 1 << 18,
  slave: 1 << 19,
} as const;
export const unmountFlags = {force: 1, detach: 2, noFollow: 8} as const;

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
const codes: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EPERM: 'KERNEL_REFUSED',
  EACCES: 'KERNEL_REFUSED',
  ENOSYS: 'KERNEL_REFUSED',
};

/** The BuildError for a failed system call. `cause` has the errno's name as `code`, like an error of Node's fs. */
export function errnoError(what: string, errno: number): BuildError {
  const name = names.get(errno) ?? `errno ${errno}`;
  const cause = Object.assign(new Error(name), {code: name, errno: -errno});
  const full = name === 'ENOSPC' || name === 'EDQUOT';
  return new BuildError(codes[name] ?? 'IO', `${what}: ${full ? 'no space left on the device' : name}`, {
    cause,
    ...(full && {remedy: 'Free some space (build-image prune), or keep the store on a larger disk with --root.'}),
  });
}

/** Name of the errno behind an error of Node or of `syscalls()`; undefined where there is none. */
export function errnoOf(error: unknown): string | undefined {
  if (error instanceof BuildError) return errnoOf(error.details.cause);
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code !== undefined && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

let loaded: Syscalls | undefined;

/** Loads the native module at the first call (2 ms): nothing that a fully cached build does may call this. */
export function syscalls(): Syscalls {
  loaded ??= load();
  return loaded;
}

/** The same ahead of time. That they cannot be had is told by who needs them. */
export function prepareSyscalls(): void {
  try {
    syscalls();
  } catch {
    return;
  }
}

const zeros12 = Array.from({length: 12}, () => 0n);
const show = (path: Path) => path.toString();
// x86-64, arm64 and riscv64 share the numbers of the calls that are newer than 2019.
const numbers = {
  bpf: process.arch === 'x64' ? 321 : 280,
  openat2: 437,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  moveMount: 429,
};

function load(): Syscalls {
  const libc = cLibrary();
  libc.struct('BpfLoad', {
    type: 'uint32_t',
    count: 'uint32_t',
    code: 'const uint8_t *',
    license: 'str',
    log: 'uint64_t[12]',
  });
  const {bind} = libc;
  const c = {
    mount: bind('int mount(str source, str target, str type, ulong flags, str data)'),
    umount2: bind('int umount2(str target, int flags)'),
    flock: bind('int flock(int fd, int operation)'),
    syncfs: bind('int syncfs(int fd)'),
    renameat2: bind('int renameat2(int from, const uint8_t *a, int to, const uint8_t *b, uint flags)'),
    llistxattr: bind('int64_t llistxattr(const uint8_t *path, _Out_ uint8_t *list, size_t size)'),
    lgetxattr: bind('int64_t lgetxattr(const uint8_t *path, str name, _Out_ uint8_t *value, size_t size)'),
    lsetxattr: bind('int lsetxattr(const uint8_t *path, str name, const uint8_t *value, size_t size, int flags)'),
    lremovexattr: bind('int lremovexattr(const uint8_t *path, str name)'),
    mknod: bind('int mknod(const uint8_t *path, uint mode, uint64_t device)'),
    utimensat: bind('int utimensat(int dir, const uint8_t *path, const uint8_t *times, int flags)'),
    futimens: bind('int futimens(int fd, const uint8_t *times)'),
    umask: bind('uint umask(uint mask)'),
    ioctl: bind('int ioctl(int fd, ulong request, _Inout_ uint8_t *argument)'),
    openat2: bind('long syscall(long number, int dir, const uint8_t *path, const uint8_t *how, size_t size)'),
    loadProgram: bind('long syscall(long number, int command, BpfLoad *attributes, size_t size)'),
    attachProgram: bind('long syscall(long number, int command, const uint8_t *attributes, size_t size)'),
    fsopen: bind('long syscall(long number, str name, uint flags)'),
    fsconfig: bind('long syscall(long number, int fd, uint command, str key, str value, int aux)'),
    fsmount: bind('long syscall(long number, int fd, uint flags, uint attributes)'),
    moveMount: bind('long syscall(long number, int fd, str path, int to, str target, uint flags)'),
    close: bind('int close(int fd)'),
  };
  const check = (result: number, what: () => string): number => {
    if (result < 0) throw errnoError(what(), libc.errno());
    return result;
  };
  const list = Buffer.alloc(65_536);
  const value = Buffer.alloc(65_536);
  const times = Buffer.alloc(32);
  const putTimes = (time: Timestamp) => {
    // In halves: for thousands of files it counts that these are no bigints.
    const high = Math.floor(time.seconds / 2 ** 32);
    for (const at of [0, 16]) {
      times.writeUInt32LE(time.seconds - high * 2 ** 32, at);
      times.writeInt32LE(high, at + 4);
      times.writeUInt32LE(time.nanoseconds, at + 8);
    }
    return times;
  };
  return {
    mount: (source, target, type, flags, data) =>
      void check(c.mount(source, target, type, flags, data), () => `cannot mount ${type} on ${target}`),
    mountOverlay(target, options, flags) {
      const what = () => `cannot mount an overlay on ${target}`;
      const context = check(c.fsopen(numbers.fsopen, 'overlay', 1), what);
      let mount = -1;
      try {
        for (const [key, text] of options) {
          const command = text === undefined ? 0 : 1;
          check(c.fsconfig(numbers.fsconfig, context, command, key, text ?? null, 0), () => `${what()} (${key})`);
        }
        check(c.fsconfig(numbers.fsconfig, context, 6, null, null, 0), what);
        mount = check(c.fsmount(numbers.fsmount, context, 1, flags), what);
        check(c.moveMount(numbers.moveMount, mount, '', atCwd, target, 4), what);
      } finally {
        c.close(context);
        if (mount >= 0) c.close(mount);
      }
    },
    unmount: (target, flags) => void check(c.umount2(target, flags), () => `cannot unmount ${target}`),
    lock(descriptor, kind, wait) {
      while (c.flock(descriptor, (kind === 'shared' ? 1 : 2) | (wait ? 0 : 4)) < 0) {
        const name = names.get(libc.errno());
        if (name === 'EAGAIN' || name === 'EWOULDBLOCK') return false;
        if (name !== 'EINTR') throw errnoError('cannot lock', libc.errno());
      }
      return true;
    },
    syncFileSystem: (descriptor) => void check(c.syncfs(descriptor), () => 'cannot write the file system to disk'),
    rename: (from, to, how) =>
      void check(
        c.renameat2(atCwd, cPath(from), atCwd, cPath(to), how === 'no-replace' ? 1 : 2),
        () => `cannot rename ${show(from)} to ${show(to)}`,
      ),
    listXattrs(path) {
      const size = c.llistxattr(cPath(path), list, list.length);
      if (size === 0) return [];
      if (size < 0) {
        const name = names.get(libc.errno());
        if (name === 'ENOTSUP' || name === 'EOPNOTSUPP') return [];
        throw errnoError(`cannot list the extended attributes of ${show(path)}`, libc.errno());
      }
      return list.toString('latin1', 0, size - 1).split('\0');
    },
    getXattr(path, name) {
      const size = c.lgetxattr(cPath(path), name, value, value.length);
      if (size >= 0) return Buffer.from(value.subarray(0, size));
      const errno = names.get(libc.errno());
      if (errno === 'ENODATA' || errno === 'ENOTSUP' || errno === 'EOPNOTSUPP') return undefined;
      throw errnoError(`cannot read the extended attribute ${name} of ${show(path)}`, libc.errno());
    },
    setXattr: (path, name, data) =>
      void check(
        c.lsetxattr(cPath(path), name, data, data.length, 0),
        () => `cannot set the extended attribute ${name} of ${show(path)}`,
      ),
    removeXattr: (path, name) =>
      void check(
        c.lremovexattr(cPath(path), name),
        () => `cannot remove the extended attribute ${name} of ${show(path)}`,
      ),
    makeNode(path, mode, major, minor) {
      check(
        c.mknod(cPath(path), mode, deviceNumber(major, minor)),
        () => `cannot make the device or pipe ${show(path)}`,
      );
    },
    setTimes: (path, time) =>
      void check(
        c.utimensat(atCwd, cPath(path), putTimes(time), noFollow),
        () => `cannot set the time of ${show(path)}`,
      ),
    setFileTimes: (descriptor, time) =>
      void check(c.futimens(descriptor, putTimes(time)), () => 'cannot set the time of a file'),
    openInRoot(root, path, flags) {
      const how = Buffer.alloc(24);
      how.writeBigUInt64LE(BigInt(flags | 0o2000000), 0);
      // RESOLVE_NO_MAGICLINKS | RESOLVE_IN_ROOT
      how.writeBigUInt64LE(0x12n, 16);
      return check(c.openat2(numbers.openat2, root, cPath(path), how, how.length), () => `cannot open ${show(path)}`);
    },
    filterDevices(cgroup, program) {
      // bpf(2): BPF_PROG_LOAD of BPF_PROG_TYPE_CGROUP_DEVICE, BPF_PROG_ATTACH as BPF_CGROUP_DEVICE.
      const attributes = {type: 15, count: program.length / 8, code: program, license: 'Apache-2.0', log: zeros12};
      const loaded = check(c.loadProgram(numbers.bpf, 5, attributes, 120), () => 'cannot load a filter of devices');
      try {
        const attach = Buffer.alloc(16);
        for (const [index, value] of [cgroup, loaded, 6, 0].entries()) attach.writeUInt32LE(value, index * 4);
        check(
          c.attachProgram(numbers.bpf, 8, attach, attach.length),
          () => 'cannot filter the devices of a control group',
        );
      } finally {
        c.close(loaded);
      }
    },
    spreadSubdirectories(descriptor) {
      const [getFlags, setFlags, topDirectory] = [0x80086601, 0x40086602, 0x20000];
      const what = () => 'cannot spread the directories of a directory';
      const flags = Buffer.alloc(8);
      check(c.ioctl(descriptor, getFlags, flags), what);
      const before = flags.readUInt32LE();
      if ((before & topDirectory) !== 0) return;
      flags.writeUInt32LE(before | topDirectory);
      check(c.ioctl(descriptor, setFlags, flags), what);
    },
    umask: (mask) => c.umask(mask),
  };
}
