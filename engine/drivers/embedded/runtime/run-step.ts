import {readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import {BuildError, quote} from '../../../base/errors.js';
import {mountFlags, syscalls} from '../../../base/syscalls.js';
import type {Operation} from '../../../stages/graph.js';
import {hostPathInRoot} from '../../../snapshot/in-root.js';
import {type ContainerEnd, type LogSink, runContainer} from './container.js';
import {rlimitsOf} from './limits.js';
import {defaultHostname, hostsFile, networkPaths, resolvConf} from './network-files.js';
import {prepareMounts} from './prepare-mounts.js';
import {startFailure, stepFailure} from './step-failure.js';
import type {StepRuntime} from './runtime.js';
import {encodeSpec, type SpecMount} from './spec.js';
import type {StepMount} from './step-mounts.js';
import {makeStubs} from './stubs.js';
import {resolveUserIn} from './user.js';
import {makeWorkdir} from './workdir.js';

export interface Step {
  readonly operation: Extract<Operation, {kind: 'run'}>;
  /** `NAME=value`: ENV, ARG and proxies. */
  readonly env: readonly string[];
  /** USER's value; empty: root. */
  readonly user: string;
  readonly workdir: string;
}

export interface StepOptions {
  /** Of the whole build; a step's own `--network` goes before it. `default` is the host's network. */
  readonly network: 'default' | 'none' | 'host';
  /** `NAME:IP`. */
  readonly extraHosts: readonly string[];
  /** Bytes; 64 MiB by default. */
  readonly shmSize: number | undefined;
  /** `nofile=1024:2048`. */
  readonly ulimits: readonly string[];
  /** `buildkitsandbox` by default. */
  readonly hostname?: string;
  /** Milliseconds. */
  readonly timeout?: number;
  /** The caller lets a step ask for `--security=insecure`. */
  readonly allowInsecure?: boolean;
  /** Characters of output; 2 MiB by default, as in BuildKit. */
  readonly logLimit?: number;
  /** A person works in it: with the caller's input and output, any exit status is an end. Default: a step of a build. */
  readonly interactive?: {readonly terminal: boolean};
  /** Called when the step has begun: there is time for something else. Must not throw. */
  readonly beside?: () => void;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const defaultShm = 64 * 1024 * 1024;
const defaultLogLimit = 2 * 1024 * 1024;

/**
 * Runs one RUN in a container over the mounted tree at `tree.root`, which no other step uses; it has afterwards what the
 * step left, and nothing of the mounts. Rejects with STEP_FAILED where the step ends with another status than 0 or cannot
 * start, TIMEOUT, UNSUPPORTED; with the signal's reason within a second of an abort, when no process of it is left.
 */
export async function runStep(
  runtime: StepRuntime,
  step: Step,
  tree: {readonly root: string},
  mounts: readonly StepMount[],
  options: StepOptions,
  log: LogSink,
  signal: AbortSignal,
): Promise<{readonly exitStatus: number}> {
  signal.throwIfAborted();
  const timeout = options.timeout === undefined ? undefined : AbortSignal.timeout(options.timeout);
  const either = timeout === undefined ? signal : AbortSignal.any([signal, timeout]);
  const slot = runtime.takeSlot();
  let end: ContainerEnd;
  try {
    end = await runIn(runtime, slot, step, tree.root, mounts, options, log, either);
    signal.throwIfAborted();
    either.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (timeout?.aborted !== true) throw error;
    throw new BuildError('TIMEOUT', `the step took longer than ${(options.timeout ?? 0) / 1000} s and was ended`, {
      remedy: 'Give it more time with --step-timeout.',
    });
  } finally {
    runtime.returnSlot(slot);
  }
  if (end.failure !== undefined) throw startFailure(step.operation.argv, end.failure, runtime.kind);
  if (end.status !== 0 && options.interactive === undefined)
    throw stepFailure(step.operation.argv, end.status, runtime.outOfMemory());
  return {exitStatus: end.status};
}

async function runIn(
  runtime: StepRuntime,
  slot: number,
  step: Step,
  root: string,
  wanted: readonly StepMount[],
  options: StepOptions,
  log: LogSink,
  signal: AbortSignal,
): Promise<ContainerEnd> {
  const {operation} = step;
  const insecure = operation.security === 'insecure';
  if (insecure && options.allowInsecure !== true) {
    throw new BuildError('UNSUPPORTED', 'this build does not allow RUN --security=insecure', {
      remedy: 'Allow it with --allow security.insecure, or remove the flag.',
    });
  }
  const device = operation.devices.find(({required}) => required);
  if (device !== undefined) {
    throw new BuildError('UNSUPPORTED', `the embedded driver has no devices: RUN --device requires ${device.name}`, {
      remedy:
        'Use --driver docker with a daemon that has the device, or drop "required" where the step can do without.',
    });
  }
  const asked = operation.network === 'default' ? options.network : operation.network;
  const network = asked === 'none' ? 'none' : 'host';
  const own = join(runtime.memoryDirectory, String(slot));
  makeDirectories(own);
  const scratch = join(runtime.workDirectory, `scratch-${slot}`);
  const memory = join(own, 'mounts');
  const user = resolveUserIn(root, step.user);
  const hostname = options.hostname ?? defaultHostname;
  const files = networkFiles(own, network, hostname, options.extraHosts);
  const prepared = await prepareMounts(wanted, operation.script, {
    root,
    scratch,
    memory,
    rootless: runtime.rootless,
    signal,
  });
  try {
    makeSystemDirectories(root);
    if (runtime.noDevices)
      syscalls().mount('', root, '', mountFlags.remount | mountFlags.bind | mountFlags.noDevices, '');
    const removeStubs = makeStubs(root, [...files, ...prepared.mounts]);
    try {
      makeWorkdir(root, step.workdir, user);
      const config = encodeSpec({
        root,
        argv: checked(operation.argv),
        env: checked(environment([...step.env, ...prepared.env], user.home)),
        cwd: step.workdir,
        terminal: options.interactive?.terminal ?? false,
        user: {uid: user.uid, gid: user.gid, additionalGids: user.additionalGids},
        hostname,
        mounts: [...files, ...prepared.mounts.map((mount) => (runtime.noDevices ? withoutDevices(mount) : mount))],
        network,
        capabilities: insecure ? runtime.allCapabilities : runtime.capabilities,
        insecure,
        denyDevices: runtime.denyDevices && !insecure,
        rootless: runtime.rootless,
        cgroup: runtime.cgroup,
        shmSize: options.shmSize ?? defaultShm,
        rlimits: rlimitsOf(options.ulimits, runtime.openFiles),
        seccomp: insecure ? undefined : runtime.seccomp,
      });
      return await runContainer({
        launcher: runtime.launcher,
        config,
        log,
        logLimit: options.logLimit ?? defaultLogLimit,
        interactive: options.interactive !== undefined,
        beside: options.beside,
        signal,
      });
    } finally {
      removeStubs();
    }
  } finally {
    await prepared.release();
  }
}

/** As the runtimes do it where they are missing, but crun gives them the sticky bit. They stay, as with BuildKit. */
function makeSystemDirectories(root: string): void {
  for (const path of ['/proc', '/dev', '/sys']) {
    const inside = hostPathInRoot(root, path);
    if (statSync(inside, {throwIfNoEntry: false}) === undefined) makeDirectories(inside, 0o755);
  }
}

/** The two files every step gets read-only; written again only where they changed. */
function networkFiles(
  directory: string,
  network: 'host' | 'none',
  hostname: string,
  extraHosts: readonly string[],
): readonly SpecMount[] {
  return [
    [networkPaths.resolvConf, 'resolv.conf', resolvConf(hostFile('/etc/resolv.conf'), network)],
    [networkPaths.hosts, 'hosts', hostsFile(hostname, extraHosts)],
  ].map(([destination = '', name = '', content = '']) => {
    const source = join(directory, name);
    if (hostFile(source) !== content) writeFileSync(source, content, {mode: 0o644});
    return {destination, type: 'bind', source, options: ['nosuid', 'noexec', 'nodev', 'rbind', 'ro']};
  });
}

const withoutDevices = (mount: SpecMount): SpecMount => ({...mount, options: [...mount.options, 'nodev']});

function hostFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** PATH as BuildKit gives it where the image has none; HOME as the runtimes do, last. */
function environment(env: readonly string[], home: string): readonly string[] {
  const valueOf = (name: string) => env.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  return [
    ...env.filter((each) => each !== 'HOME='),
    ...(valueOf('PATH') === undefined ? [`PATH=${defaultPath}`] : []),
    ...((valueOf('HOME') ?? '') === '' ? [`HOME=${home}`] : []),
  ];
}

function checked(strings: readonly string[]): readonly string[] {
  const bad = strings.find((text) => text.includes('\0'));
  if (bad === undefined) return strings;
  throw new BuildError('STEP_FAILED', `a zero byte in a word or variable of the step: ${quote(bad)}`, {
    remedy: 'Remove it: no program can be given one.',
  });
}
