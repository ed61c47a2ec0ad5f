import {copyFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {ExecutionContext} from 'ava';
import {enterNamespace, type NamespacedProcess} from '../../engine/drivers/embedded/enter-namespace.js';
import type {OciRuntime} from '../../engine/drivers/embedded/runtime/detect.js';
import type {Step, StepOptions} from '../../engine/drivers/embedded/runtime/run-step.js';
import type {StepMount} from '../../engine/drivers/embedded/runtime/step-mounts.js';
import {available} from './requirement.js';
import type {WorkerAnswer, WorkerRequest} from './step-worker.js';

export const workerScript = join(dirname(fileURLToPath(import.meta.url)), 'step-worker.js');

/** What the machine has to have for the tests that run containers as root; undefined: all is there. */
export const missingForRoot =
  process.getuid?.() !== 0
    ? 'root'
    : !existsSync('/bin/busybox')
      ? 'busybox-static'
      : !existsSync('/usr/bin/crun') && !existsSync('/usr/sbin/runc')
        ? 'crun or runc'
        : undefined;

export interface RunOptions {
  readonly mounts?: readonly StepMount[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly workdir?: string;
  readonly operation?: Partial<Step['operation']>;
  readonly options?: Partial<StepOptions>;
  /** Another step is to come. */
  readonly more?: boolean;
  readonly overlay?: boolean;
  readonly abortAfter?: number;
  readonly times?: number;
}

export interface TestExecutor {
  /** Of everything: `root` is in it. */
  readonly directory: string;
  readonly root: string;
  readonly process: NamespacedProcess;
  /** Runs a shell command, or words, as a step. */
  readonly run: (
    command: string | readonly string[],
    options?: RunOptions,
  ) => Promise<WorkerAnswer & {readonly upper: string}>;
  close(): Promise<void>;
}

/** Runs a test with an executor as root; skipped where the machine lacks something. */
export async function withExecutor(
  t: ExecutionContext,
  body: (t: ExecutionContext, executor: TestExecutor) => Promise<void>,
  settings: Parameters<typeof startExecutor>[0] = {},
): Promise<void> {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const executor = await startExecutor(settings);
  try {
    await body(t, executor);
  } finally {
    await executor.close();
  }
}

const commands =
  'sh true false ls cat env id mount sleep unshare touch mkdir ln rm ps chroot stat echo find ip hostname pwd wc ' +
  'head dd grep chown chmod mknod mv kill umount sort od nc su';

/** A small root file system of busybox. */
export function busyboxRoot(root: string): void {
  for (const directory of ['bin', 'etc', 'tmp', 'root', 'home']) mkdirSync(join(root, directory), {recursive: true});
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  for (const command of commands.split(' ')) symlinkSync('busybox', join(root, 'bin', command));
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/sh\nalice:x:1000:1000:Alice:/home/alice:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\ndaemon:x:1:alice\nalice:x:1000:\nstaff:x:50:alice,daemon\n');
}

export async function startExecutor(
  settings: {readonly directory?: string; readonly program?: OciRuntime; readonly rootless?: boolean} = {},
): Promise<TestExecutor> {
  const directory = settings.directory ?? mkdtempSync(join(tmpdir(), 'step-'));
  const root = join(directory, 'root');
  const rootless = settings.rootless ?? false;
  if (!existsSync(root)) busyboxRoot(root);
  const child = await enterNamespace(workerScript, {root: !rootless, signal: new AbortController().signal});
  let next = 0;
  const ask = (request: WorkerRequest) =>
    new Promise<WorkerAnswer>((resolve, reject) => {
      const listen = (answer: unknown) => {
        const {id} = answer as WorkerAnswer;
        if (id !== request.id) return;
        child.channel.off('message', listen);
        resolve(answer as WorkerAnswer);
      };
      child.channel.on('message', listen);
      void child.ended.then((status) => reject(new Error(`the executor ended: ${status}`)));
      child.channel.send(request);
    });
  const opened = await ask({
    id: next++,
    kind: 'open',
    options: {
      workDirectory: join(directory, 'work'),
      cacheDirectory: join(directory, 'cache'),
      rootless,
      ...(settings.program === undefined ? {} : {program: settings.program}),
    },
  });
  if (opened.error !== undefined) throw new Error(opened.error.message);
  return {
    directory,
    root,
    process: child,
    async run(command, given = {}) {
      const id = next++;
      const overlay = given.overlay === true ? join(directory, `overlay-${id}`) : undefined;
      for (const name of ['upper', 'work', 'merged']) {
        if (overlay !== undefined) mkdirSync(join(overlay, name), {recursive: true});
      }
      const shellForm = typeof command === 'string';
      const argv = typeof command === 'string' ? ['/bin/sh', '-c', command] : command;
      const answer = await ask({
        id,
        kind: 'run',
        step: {
          operation: {
            kind: 'run',
            argv,
            command: argv.join(' '),
            shellForm,
            script: undefined,
            mounts: [],
            network: 'default',
            security: 'sandbox',
            devices: [],
            ...given.operation,
          },
          env: given.env ?? [],
          user: given.user ?? '',
          workdir: given.workdir ?? '/',
        },
        root,
        overlay,
        mounts: given.mounts ?? [],
        options: {network: 'default', extraHosts: [], shmSize: undefined, ulimits: [], ...given.options},
        more: given.more === true,
        abortAfter: given.abortAfter,
        times: given.times ?? 1,
      });
      return {...answer, upper: overlay === undefined ? '' : join(overlay, 'upper')};
    },
    async close() {
      await child.kill();
      rmSync(directory, {recursive: true, force: true});
    },
  };
}
