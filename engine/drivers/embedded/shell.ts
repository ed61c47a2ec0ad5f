import {BuildError} from '../../base/errors.js';
import type {Platform} from '../../oci/platform.js';
import type {Plan} from '../../plan/plan.js';
import {adoptRoot, mountOverlay} from '../../snapshot/overlay.js';
import type {Operation, Source} from '../../stages/graph.js';
import {readFailure} from '../../store/failures.js';
import {closeStore, openStore} from '../../store/open.js';
import {lockLease} from '../../store/leases.js';
import {recoverKilled} from '../../store/recover.js';
import {discardSnapshot, newSnapshot} from '../../store/snapshots.js';
import {newMountPoint} from '../../store/store.js';
import type {BuildRequest, ShellRequest} from '../driver.js';
import type {BuildPlace} from './build.js';
import {createImageSource} from './images/open-source.js';
import {sourceReference} from './images-of-build.js';
import {createBaseTrees} from './solve/base-trees.js';
import {askedSources} from './solve/asked-sources.js';
import {createContentKeys} from './solve/content-key.js';
import {createLookup} from './solve/lookup.js';
import {NotCached} from './solve/not-cached.js';
import {closeRuntime, performRun, type PerformTools} from './solve/perform.js';
import {solve, type SolverWork, type StepJob} from './solve/solver.js';
import {createTreeMounts, releaseMountPoint} from './solve/tree-mounts.js';

type Run = Extract<Operation, {kind: 'run'}>;

/** Ends the walk through the steps: the shell was left. */
class Left extends Error {
  override readonly name = 'Left';
  readonly status: number;
  constructor(status: number) {
    super('the shell was left');
    this.status = status;
  }
}

/**
 * Walks to the step through what the store has, and opens a shell there over a directory that is thrown away. Nothing is
 * built, and nothing of it is kept.
 */
export async function runShell(
  plan: Plan,
  request: BuildRequest,
  place: BuildPlace,
  asked: ShellRequest,
): Promise<number> {
  const {root, rootless, events, signal} = place;
  const stage = plan.graph.stages.find(({steps}) => steps.some(({id}) => id === asked.step));
  if (stage === undefined) throw new BuildError('NOT_FOUND', `the plan has no step ${asked.step} to open a shell in`);
  // What comes after the stage is not looked at.
  const upTo: Plan = {...plan, graph: {...plan.graph, target: stage.index}};
  const store = openStore(root, signal);
  recoverKilled(store);
  lockLease(store);
  const {credentials, pull, bases: baseOptions} = request;
  const images = createImageSource({store, events, pull, bases: baseOptions, directory: '/', credentials});
  const resolve = (source: Source, platform: Platform) =>
    images.resolve(sourceReference(source, request), platform, signal);
  const bases = createBaseTrees({store, rootless, mayUnpack: true, events, signal, resolve});
  const mounts = createTreeMounts(store, rootless);
  const contents = createContentKeys({
    store,
    request,
    asked: askedSources(plan.graph),
    signal,
    mountTree: mounts.mount,
    keepLists: false,
  });
  const lookup = createLookup(store, bases, contents, events);
  const tools: PerformTools = {store, plan, request, place, mounts, contents};
  const needed = neededStages(plan, stage.index, asked.step);

  const work: SolverWork = {
    ...lookup,
    async result(job, stopped) {
      if (job.step.id === asked.step) throw new Left(await open(job, stopped));
      try {
        return await lookup.result(job, stopped);
      } catch (error) {
        if (!(error instanceof NotCached)) throw error;
        if (needed.has(job.stage.index)) throw notThere(`step ${job.step.id} (line ${job.step.line})`);
        // Only for what comes after the step: nobody waits for it.
        return new Promise((_, reject) => stopped.addEventListener('abort', () => reject(new Left(0)), {once: true}));
      }
    },
  };
  try {
    await solve(upTo, {...request, keepStages: []}, work, events, signal);
    throw new Error('the step was not reached');
  } catch (error) {
    if (error instanceof Left) return error.status;
    throw error;
  } finally {
    contents.close();
    mounts.close();
    closeRuntime(store);
    await images.close();
    closeStore(store);
  }

  /** Snapshots of the state that was asked for, bottom first. */
  async function chainOf(job: StepJob): Promise<readonly string[]> {
    const before = await job.parent.chain();
    if (asked.when === 'before') return before;
    const failed = readFailure(store, job.key);
    const made = lookup.find(job)?.parts ?? (failed && [failed.snapshot]);
    if (made === undefined) throw notThere(`what step ${job.step.id} (line ${job.step.line}) leaves`);
    return [...before.filter((id) => !made.includes(id)), ...made];
  }

  async function open(job: StepJob, stopped: AbortSignal): Promise<number> {
    const chain = await chainOf(job);
    const snapshot = newSnapshot(store);
    const target = newMountPoint(store);
    try {
      const lowers = mounts.lowers(chain);
      if (lowers[0] !== undefined) adoptRoot(snapshot.fs, lowers[0]);
      mountOverlay({target, lowers, upper: snapshot.fs, work: snapshot.work, userXattrs: rootless});
      const {exitStatus} = await performRun(
        withEnv(job),
        shellOf(job),
        {root: target, more: false, interactive: {terminal: asked.terminal}},
        tools,
        stopped,
      );
      return exitStatus;
    } finally {
      releaseMountPoint(target);
      discardSnapshot(store, snapshot.id);
    }
  }
}

function notThere(what: string): BuildError {
  return new BuildError('NOT_FOUND', `the store does not have ${what}`, {
    remedy: 'Build first, with the same options and files: the shell opens in what a build left.',
  });
}

/** The stage, and all that what comes before the step is made from. */
function neededStages({graph}: Plan, index: number, step: string): ReadonlySet<number> {
  const found = new Set<number>();
  const add = (of: number, until: string | undefined): void => {
    const stage = graph.stages[of];
    if (stage === undefined || (found.has(of) && until === undefined)) return;
    found.add(of);
    if (stage.base.kind === 'stage') add(stage.base.index, undefined);
    for (const each of stage.steps) {
      for (const source of each.reads) if (source.kind === 'stage') add(source.index, undefined);
      if (each.id === until) break;
    }
  };
  add(index, step);
  return found;
}

/** RUN has its environment in the plan; other steps that of the image. */
function withEnv(job: StepJob): StepJob {
  if (job.step.operation.kind === 'run') return job;
  const env = (job.step.config.Env ?? []).map((text) => {
    const at = text.indexOf('=');
    return {name: text.slice(0, at), value: text.slice(at + 1), origin: 'env' as const, line: 0};
  });
  return {...job, step: {...job.step, env}};
}

/** The step's shell instead of its command, with its mounts; caches only to look at. */
function shellOf({step: {operation, config}}: StepJob): Run {
  const run = operation.kind === 'run' ? operation : undefined;
  const [shell = '/bin/sh'] = run?.shellForm === true ? run.argv : (config.Shell ?? []);
  return {
    kind: 'run',
    argv: [shell],
    command: shell,
    shellForm: false,
    script: undefined,
    mounts: (run?.mounts ?? []).map((mount) => (mount.type === 'cache' ? {...mount, readOnly: true} : mount)),
    network: run?.network ?? 'default',
    security: 'sandbox',
    devices: [],
  };
}
