import type {OciSeccomp} from './seccomp/oci-profile.js';

export interface SpecMount {
  /** Absolute path in the container; the runtime resolves symlinks inside the root. */
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface Rlimit {
  /** `RLIMIT_NOFILE`. */
  readonly type: string;
  /** Infinity: no limit. */
  readonly soft: number;
  readonly hard: number;
}

/** What a RUN step's container is made from; every value is final. */
export interface SpecInput {
  readonly root: string;
  readonly argv: readonly string[];
  /** `NAME=value`, in the order the process sees. */
  readonly env: readonly string[];
  readonly cwd: string;
  /** A terminal of its own, as large as that of the caller. */
  readonly terminal?: boolean;
  readonly user: {readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[]};
  readonly hostname: string;
  /** After the mounts every container has, in order. */
  readonly mounts: readonly SpecMount[];
  readonly network: 'host' | 'none';
  readonly capabilities: readonly string[];
  /** The runtime itself keeps the step from the devices of the machine, as Docker asks it to. */
  readonly denyDevices?: boolean;
  /** `--security=insecure`: no seccomp, nothing masked or read-only. */
  readonly insecure: boolean;
  readonly rootless: boolean;
  /** The cgroup file system is shown where the host has version 2 only: version 1 takes a mount for each controller. */
  readonly cgroup: boolean;
  /** Bytes. */
  readonly shmSize: number;
  readonly rlimits: readonly Rlimit[];
  readonly seccomp:
    | {readonly kind: 'bpf'; readonly program: Uint8Array}
    | {readonly kind: 'profile'; readonly profile: OciSeccomp}
    | undefined;
}

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
  '/proc/scsi',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** No limit: the largest 64-bit number, which no number of JavaScript is. */
const unlimited = '18446744073709551615';

/** The text of `config.json`. */
export function encodeSpec(input: SpecInput): string {
  // A marker that no other string can be: none that reaches the kernel has a NUL.
  const text = JSON.stringify(runtimeSpec(input), (_, value: unknown) => (value === Infinity ? '\0unlimited' : value));
  return text.replaceAll('"\\u0000unlimited"', unlimited);
}

/** The configuration of one container (OCI runtime specification 1.0.2: config, config-linux). Pure. */
export function runtimeSpec(input: SpecInput): object {
  const {capabilities, insecure, seccomp} = input;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: input.terminal ?? false,
      user: input.user,
      args: input.argv,
      env: input.env,
      cwd: input.cwd,
      capabilities: {bounding: capabilities, effective: capabilities, permitted: capabilities},
      rlimits: input.rlimits,
      noNewPrivileges: false,
    },
    root: {path: input.root},
    hostname: input.hostname,
    mounts: [...systemMounts(input), ...input.mounts],
    ...(seccomp?.kind === 'bpf'
      ? {annotations: {'run.oci.seccomp_bpf_data': Buffer.from(seccomp.program).toString('base64')}}
      : {}),
    linux: {
      namespaces: ['pid', 'ipc', 'uts', 'mount', ...(input.network === 'none' ? ['network'] : [])].map((type) => ({
        type,
      })),
      ...(insecure ? {} : {maskedPaths, readonlyPaths}),
      ...(input.denyDevices === true && {resources: {devices: [{allow: false, access: 'rwm'}]}}),
      ...(seccomp?.kind === 'profile' ? {seccomp: seccomp.profile} : {}),
    },
  };
}

function systemMounts({shmSize, rootless, insecure, cgroup}: SpecInput): readonly SpecMount[] {
  const common = ['nosuid', 'noexec', 'nodev'];
  const access = insecure ? 'rw' : 'ro';
  const mount = (destination: string, type: string, source: string, options: readonly string[]) => ({
    destination,
    type,
    source,
    options,
  });
  return [
    mount('/proc', 'proc', 'proc', common),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/dev/shm', 'tmpfs', 'shm', [...common, 'mode=1777', `size=${shmSize}`]),
    mount('/dev/mqueue', 'mqueue', 'mqueue', common),
    // A user namespace may mount sysfs only with a network namespace of its own.
    rootless
      ? mount('/sys', 'bind', '/sys', ['rbind', 'rslave', ...common, access])
      : mount('/sys', 'sysfs', 'sysfs', [...common, access]),
    ...(cgroup && !rootless ? [mount('/sys/fs/cgroup', 'cgroup', 'cgroup', [...common, access])] : []),
  ];
}
