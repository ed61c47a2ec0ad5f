import {mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import {BuildError} from '../../../base/errors.js';
import {mountFlags, syscalls} from '../../../base/syscalls.js';
import {defaultCapabilities, heldCapabilities} from './capabilities.js';
import {prepareCgroups} from './cgroups.js';
import {restrictDevices} from './devices.js';
import {detectRuntime, type OciRuntime} from './detect.js';
import {createLauncher, type Launcher} from './launcher.js';
import {makeNetworkStubs} from './network-files.js';
import {openFilesLimit} from './limits.js';
import {compiledFilter} from './seccomp/compile.js';
import {ociSeccomp} from './seccomp/oci-profile.js';
import type {Architecture} from './seccomp/profile.js';
import type {SpecInput} from './spec.js';

export interface RuntimeOptions {
  /** Of this process alone; on a file system that can hold the upper directory of an overlay. Made where it is missing. */
  readonly workDirectory: string;
  /** Shared by all builds: compiled filters. */
  readonly cacheDirectory: string;
  /** The process is in a user namespace of an ordinary user. */
  readonly rootless: boolean;
  /** Instead of what `detectRuntime` finds. */
  readonly program?: OciRuntime;
}

/** What all steps of one executor share. */
export interface StepRuntime {
  readonly kind: OciRuntime['kind'];
  readonly rootless: boolean;
  readonly workDirectory: string;
  /** A tmpfs: configurations and secrets, which are never written to a disk. It goes with the process. */
  readonly memoryDirectory: string;
  readonly launcher: Launcher;
  /**
   * Empty files where every step has one of its own mounted: as the lowest directory of a step's overlay they need not be made
   * and removed again in each. On the disk of `workDirectory`: an overlay over several tells files of one from those of the other.
   */
  readonly stubs: string;
  readonly capabilities: readonly string[];
  readonly allCapabilities: readonly string[];
  readonly cgroup: boolean;
  /** Nothing else keeps a step from this machine's devices: no file system of it may have any. */
  readonly noDevices: boolean;
  /** The runtime is asked to do it. */
  readonly denyDevices: boolean;
  /** Hard limit. */
  readonly openFiles: number;
  readonly seccomp: SpecInput['seccomp'];
  /** A number that no other step uses now. */
  takeSlot(): number;
  returnSlot(slot: number): void;
  /** The kernel has killed a process for lack of memory since the last call. */
  outOfMemory(): boolean;
}

interface PreparedRuntime {
  readonly program: OciRuntime;
  /** The runtime is asked to do it. */
  readonly denyDevices: boolean;
  /** A step cannot open this machine's devices. */
  readonly restricted: boolean;
}

let restricted: Promise<boolean> | undefined;

/** What no store is needed for, once for the process. Rejects with RUNTIME_MISSING. */
export async function prepareRuntime(rootless: boolean, wanted?: OciRuntime): Promise<PreparedRuntime> {
  const program = wanted ?? detectRuntime();
  // What is mounted in a user namespace has no devices, and nobody in it may make one.
  const denyDevices = program.kind === 'runc' && !rootless;
  if (rootless || denyDevices) return {program, denyDevices, restricted: true};
  restricted ??= restrictDevices();
  return {program, denyDevices, restricted: await restricted};
}

/**
 * Looks for the runtime and makes ready what steps share. Must run in a mount namespace of the executor's own: it changes
 * mounts. Rejects with RUNTIME_MISSING, UNSUPPORTED.
 */
export async function openRuntime(options: RuntimeOptions): Promise<StepRuntime> {
  const {workDirectory, rootless} = options;
  const {program, denyDevices, restricted} = await prepareRuntime(rootless, options.program);
  const memoryDirectory = join(workDirectory, 'memory');
  makeDirectories(memoryDirectory, 0o700);
  const flags = mountFlags.noSuid | mountFlags.noDevices;
  syscalls().mount('tmpfs', memoryDirectory, 'tmpfs', flags, 'mode=0700');
  const stateDirectory = join(memoryDirectory, 'state');
  mkdirSync(stateDirectory, {mode: 0o700});
  const slots = new Set<number>();
  let killed = oomKills();
  return {
    kind: program.kind,
    rootless,
    workDirectory,
    memoryDirectory,
    stubs: makeNetworkStubs(join(workDirectory, 'stubs')),
    launcher: createLauncher({program, rootless, memoryDirectory, stateDirectory}),
    capabilities: restricted ? defaultCapabilities : defaultCapabilities.filter((one) => one !== 'CAP_MKNOD'),
    noDevices: !restricted,
    denyDevices,
    allCapabilities: heldCapabilities(readFileSync('/proc/self/status', 'utf8')),
    cgroup: program.kind === 'crun' ? prepareCgroups(rootless) : true,
    openFiles: openFilesLimit(readFileSync('/proc/self/limits', 'utf8')),
    seccomp: filterFor(program, options.cacheDirectory),
    takeSlot() {
      let slot = 0;
      while (slots.has(slot)) slot++;
      slots.add(slot);
      return slot;
    },
    returnSlot: (slot) => void slots.delete(slot),
    outOfMemory() {
      const before = killed;
      killed = oomKills();
      return killed > before;
    },
  };
}

function filterFor(program: OciRuntime, cacheDirectory: string): SpecInput['seccomp'] {
  const {arch} = process;
  if (arch !== 'x64' && arch !== 'arm64') {
    throw new BuildError('UNSUPPORTED', `the embedded driver has no system-call filter for ${arch}`, {
      remedy: 'Use the docker driver: --driver docker',
    });
  }
  const architecture: Architecture = arch;
  const compiled =
    program.kind === 'crun' ? compiledFilter(architecture, defaultCapabilities, cacheDirectory) : undefined;
  return compiled === undefined
    ? {kind: 'profile', profile: ociSeccomp(architecture, defaultCapabilities)}
    : {kind: 'bpf', program: compiled};
}

/** Of the whole machine since it started. */
function oomKills(): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
