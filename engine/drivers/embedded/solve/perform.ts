import {join} from 'node:path';
import {makeDirectories} from '../../../base/make-directories.js';
import type {Plan} from '../../../plan/plan.js';
import type {Operation, Source} from '../../../stages/graph.js';
import {unmountOverlay} from '../../../snapshot/overlay.js';
import {discardPrepared, prepareSnapshot} from '../../../store/snapshots.js';
import {type Store, temporaryPath} from '../../../store/store.js';
import {moveToTrash} from '../../../store/trash.js';
import type {BuildRequest} from '../../driver.js';
import type {BuildPlace} from '../build.js';
import type {CopyReuse} from '../files/reuse.js';
import type {CopySource} from '../files/source-tree.js';
import {openRuntime, type StepRuntime} from '../runtime/runtime.js';
import {runStep} from '../runtime/run-step.js';
import {type ContentKeys, contextOf} from './content-key.js';
import {timeOf} from './epoch.js';
import {hostnameOf} from './hostname.js';
import {resolveMounts} from './resolve-mounts.js';
import {sourceId, type StepJob} from './solver.js';
import type {TreeMounts} from './tree-mounts.js';

export interface PerformTools {
  readonly store: Store;
  readonly plan: Plan;
  readonly request: BuildRequest;
  readonly place: BuildPlace;
  readonly mounts: TreeMounts;
  readonly contents: ContentKeys;
}

export interface Performed {
  /** The tree, mounted and writable. */
  readonly root: string;
  /** Nothing was there before. */
  readonly empty: boolean;
  readonly reuse: CopyReuse | undefined;
  /** Another RUN is likely to come. */
  readonly more: boolean;
}

interface OpenedRuntime {
  readonly workDirectory: string;
  readonly opening: Promise<StepRuntime>;
  /** When it is open. */
  runtime: StepRuntime | undefined;
}

const runtimes = new WeakMap<Store, OpenedRuntime>();

/** Removes what the steps of this process shared. Idempotent. */
export function closeRuntime(store: Store): void {
  discardPrepared(store);
  const opened = runtimes.get(store);
  if (opened === undefined) return;
  runtimes.delete(store);
  if (opened.runtime !== undefined) {
    opened.runtime.launcher.close();
    unmountOverlay(opened.runtime.memoryDirectory);
  }
  moveToTrash(store, opened.workDirectory);
}

/** One runtime for all steps of this process. */
function runtimeOf({store, place}: PerformTools): Promise<StepRuntime> {
  const known = runtimes.get(store);
  if (known !== undefined) return known.opening;
  const workDirectory = temporaryPath(store);
  makeDirectories(workDirectory, 0o700);
  const cacheDirectory = join(store.root, 'filters');
  const opening = openRuntime({workDirectory, cacheDirectory, rootless: place.rootless}).then(
    (runtime) => (opened.runtime = runtime),
  );
  const opened: OpenedRuntime = {workDirectory, opening, runtime: undefined};
  runtimes.set(store, opened);
  return opening;
}

/** A directory with the mount points of the files that every RUN gets. Rejects as a RUN does. */
export const stubsOf = async (tools: PerformTools): Promise<string> => (await runtimeOf(tools)).stubs;

/** Begins with what RUN needs, while something else is done. */
export function openSteps(tools: PerformTools): void {
  // Why not is told by the step.
  runtimeOf(tools).then(
    ({launcher}) => launcher.prepare(),
    () => undefined,
  );
}

/** What the next step needs, while this one runs. What cannot be made is told by that one. */
function prepareNext({store}: PerformTools): void {
  try {
    runtimes.get(store)?.runtime?.launcher.prepare();
    prepareSnapshot(store);
  } catch {
    return;
  }
}

/** Does what a step says in a tree. Rejects with the step's BuildError. */
export async function perform(
  job: StepJob,
  {root, empty, reuse, more}: Performed,
  tools: PerformTools,
  signal: AbortSignal,
): Promise<void> {
  const {operation, config} = job.step;
  switch (operation.kind) {
    case 'run':
      await performRun(job, operation, {root, more}, tools, signal);
      return;
    case 'copy':
    case 'add':
    case 'workdir': {
      const {runFileStep} = await import('../files/step.js');
      const reads = operation.kind !== 'workdir' && operation.sources.length > 0;
      const source = reads ? await copySource(job, operation.source, tools) : undefined;
      const user = config.User ?? '';
      const fetched = operation.kind === 'workdir' ? undefined : tools.contents.fetched(operation);
      const time = timeOf(tools.request);
      const options = {
        source,
        root,
        empty,
        user,
        time,
        scratch: () => temporaryPath(tools.store),
        ...(fetched !== undefined && {fetched}),
        ...(reuse !== undefined && {reuse}),
      };
      await runFileStep(operation, options, signal);
      return;
    }
    case 'config':
      return;
    default:
      throw new Error(`unreachable: ${String(operation satisfies never)}`);
  }
}

export async function performRun(
  job: StepJob,
  operation: Extract<Operation, {kind: 'run'}>,
  {root, more, interactive}: Pick<Performed, 'root' | 'more'> & {readonly interactive?: {readonly terminal: boolean}},
  tools: PerformTools,
  signal: AbortSignal,
): Promise<{readonly exitStatus: number}> {
  const {step} = job;
  const {plan, request, place} = tools;
  const mounts = await resolveMounts(job, operation, tools, signal);
  const bindings = [...plan.graph.proxy.flatMap(inBothCases), ...step.env];
  const env = bindings.flatMap(({name, value}) => (value === undefined ? [] : [`${name}=${value}`]));
  return runStep(
    await runtimeOf(tools),
    {operation, env, user: step.config.User ?? '', workdir: step.config.WorkingDir ?? '/'},
    {root},
    mounts,
    {
      network: request.network,
      extraHosts: request.extraHosts,
      shmSize: request.shmSize,
      ulimits: request.ulimits,
      ...(more && {beside: () => prepareNext(tools)}),
      hostname: hostnameOf(request),
      ...(request.stepTimeout !== undefined && interactive === undefined && {timeout: request.stepTimeout}),
      ...(interactive !== undefined && {interactive}),
    },
    (stream, text) => place.events.emit({type: 'step-log', step: step.id, stream, text}),
    signal,
  );
}

/** Programs read `HTTP_PROXY`, `http_proxy`, or both: RUN has both, whichever was given. */
function inBothCases<T extends {readonly name: string}>(binding: T): readonly T[] {
  return [
    {...binding, name: binding.name.toUpperCase()},
    {...binding, name: binding.name.toLowerCase()},
  ];
}

/** What COPY and ADD read, as a context or a mounted directory. */
async function copySource(job: StepJob, source: Source, tools: PerformTools): Promise<CopySource> {
  const tree = job.inputs.get(sourceId(source));
  if (tree === undefined)
    return tools.contents.seen(job.step.operation) ?? {kind: 'context', context: contextOf(tools.request, source)};
  return {kind: 'directory', root: await tools.mounts.mount(tree)};
}
