import {rmSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {BuildError} from '../../engine/base/errors.js';
import {syscalls} from '../../engine/base/syscalls.js';
import {namespaceReady} from '../../engine/drivers/embedded/enter-namespace.js';
import {runStep, type Step, type StepOptions} from '../../engine/drivers/embedded/runtime/run-step.js';
import {openRuntime, type RuntimeOptions, type StepRuntime} from '../../engine/drivers/embedded/runtime/runtime.js';
import type {StepMount} from '../../engine/drivers/embedded/runtime/step-mounts.js';

/** What the tests ask of an executor process. */
export type WorkerRequest =
  | {readonly id: number; readonly kind: 'open'; readonly options: RuntimeOptions}
  | {
      readonly id: number;
      readonly kind: 'run';
      readonly step: Step;
      readonly root: string;
      /** Directory for an overlay over `root`, on which the step then runs. */
      readonly overlay: string | undefined;
      readonly mounts: readonly StepMount[];
      readonly options: Omit<StepOptions, 'beside'>;
      /** Another step is to come. */
      readonly more: boolean;
      /** Abort after so many ms. */
      readonly abortAfter: number | undefined;
      readonly times: number;
    };

export interface WorkerAnswer {
  readonly id: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly error: {readonly code: string; readonly message: string; readonly remedy: string | undefined} | undefined;
  /** Milliseconds of each run. */
  readonly took: readonly number[];
  /** Milliseconds from the abort to the end; 0 where there was none. */
  readonly settled: number;
}

interface Printed {
  stdout: string;
  stderr: string;
  aborted: number | undefined;
}

namespaceReady();
let runtime: StepRuntime | undefined;
process.on('message', (request: WorkerRequest) => void answer(request));
// Something to find, should this process outlive its parent.
setInterval(() => undefined, 1000);

async function answer(request: WorkerRequest): Promise<void> {
  const printed: Printed = {stdout: '', stderr: '', aborted: undefined};
  const took: number[] = [];
  let error: WorkerAnswer['error'];
  try {
    if (request.kind === 'open') runtime = await openRuntime(request.options);
    else await run(request, printed, took);
  } catch (thrown) {
    const {message} = thrown as Error;
    const code = thrown instanceof BuildError ? thrown.code : (thrown as Error).name;
    error = {code, message, remedy: thrown instanceof BuildError ? thrown.details.remedy : undefined};
  }
  const {stdout, stderr, aborted} = printed;
  const settled = aborted === undefined ? 0 : performance.now() - aborted;
  process.send?.({id: request.id, stdout, stderr, error, took, settled} satisfies WorkerAnswer);
}

async function run(request: Extract<WorkerRequest, {kind: 'run'}>, printed: Printed, took: number[]): Promise<void> {
  if (runtime === undefined) throw new Error('not opened');
  const {step, mounts, more, abortAfter, overlay} = request;
  const {launcher} = runtime;
  const options = {...request.options, ...(more && {beside: () => launcher.prepare()})};
  const controller = new AbortController();
  if (abortAfter !== undefined)
    void sleep(abortAfter).then(() => {
      printed.aborted = performance.now();
      controller.abort(new Error('aborted by the test'));
    });
  const root = overlay === undefined ? request.root : `${overlay}/merged`;
  if (overlay !== undefined) {
    const data = `lowerdir=${request.root},upperdir=${overlay}/upper,workdir=${overlay}/work,volatile`;
    syscalls().mount('overlay', root, 'overlay', 0, runtime.rootless ? `${data},userxattr` : data);
  }
  try {
    for (let count = 0; count < request.times; count++) {
      const start = performance.now();
      const log = (stream: 'stdout' | 'stderr', text: string) => void (printed[stream] += text);
      await runStep(runtime, step, {root}, mounts, options, log, controller.signal);
      took.push(performance.now() - start);
    }
  } finally {
    if (overlay !== undefined) {
      syscalls().unmount(root, 0);
      rmSync(`${overlay}/work`, {recursive: true, force: true});
    }
  }
}
