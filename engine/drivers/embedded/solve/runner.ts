import {mkdirSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {join} from 'node:path';
import {createLimiter} from '../../../base/concurrency.js';
import {BuildError} from '../../../base/errors.js';
import type {Plan} from '../../../plan/plan.js';
import {adoptRoot, mountOverlay, unmountOverlay} from '../../../snapshot/overlay.js';
import {withLock} from '../../../store/locks.js';
import {writeRecord} from '../../../store/records.js';
import {completeSnapshot, discardSnapshot, newSnapshot, snapshotFs} from '../../../store/snapshots.js';
import {newMountPoint, type Store} from '../../../store/store.js';
import type {BuildRequest} from '../../driver.js';
import type {BuildPlace} from '../build.js';
import type {Lookup} from './lookup.js';
import {perform, type PerformTools} from './perform.js';
import type {Result, SolverWork, StepJob} from './solver.js';
import type {Tree} from './tree.js';

export interface Runner extends SolverWork {
  /** A directory that shows a tree, read-only, until `close`. */
  readonly mountTree: (tree: Tree) => Promise<string>;
  /** Unmounts what is mounted. Idempotent. */
  close(): void;
}

/** Runs steps, each over an overlay of what it starts from; what it leaves becomes a snapshot of the store. */
export function createRunner(
  store: Store,
  lookup: Lookup,
  plan: Plan,
  request: BuildRequest,
  place: BuildPlace,
): Runner {
  const limiter = createLimiter(request.jobs ?? Math.max(2, availableParallelism()));
  const {events, rootless} = place;
  const running = new Map<string, Promise<Result>>();
  const mounted = new Map<string, Promise<string>>();
  const targets: string[] = [];
  const tools: PerformTools = {store, plan, request, place, mountTree};

  return {
    ...lookup,
    result(job, signal) {
      // Two stages that need the same step share it.
      const found = running.get(job.key) ?? resultOf(job, signal);
      running.set(job.key, found);
      return found;
    },
    mountTree,
    close() {
      for (const target of targets.splice(0).reverse()) unmountOverlay(target);
    },
  };

  async function resultOf(job: StepJob, signal: AbortSignal): Promise<Result> {
    const {step, stage} = job;
    const fresh = request.noCache || request.noCacheFilter.some((name) => name.toLowerCase() === stage.name);
    const cached = (): Result | undefined => {
      const found = fresh ? undefined : lookup.find(job);
      if (found !== undefined) events.emit({type: 'step-cached', step: step.id, name: step.name});
      return found;
    };
    return (
      cached() ??
      withLock(store, `step-${job.key}`, signal, async () => cached() ?? limiter.run(() => run(job, signal), signal))
    );
  }

  async function run(job: StepJob, signal: AbortSignal): Promise<Result> {
    const {step, stage, key, parent} = job;
    events.emit({type: 'step-started', step: step.id, name: step.name, stage: stage.label, line: step.line});
    const started = performance.now();
    try {
      const chain = await parent.chain();
      const snapshot = newSnapshot(store);
      try {
        const lowers = lowersOf(chain);
        const target = newMountPoint(store);
        if (lowers[0] !== undefined) adoptRoot(snapshot.fs, lowers[0]);
        mountOverlay({target, lowers, upper: snapshot.fs, work: snapshot.work, userXattrs: rootless});
        try {
          await perform(job, target, chain.length === 0, tools, signal);
        } finally {
          unmountOverlay(target);
        }
        completeSnapshot(store, snapshot.id, {synced: false, parents: chain.slice(-1)});
      } catch (error) {
        discardSnapshot(store, snapshot.id);
        throw error;
      }
      const seconds = (performance.now() - started) / 1000;
      const created = new Date().toISOString();
      writeRecord(store, {
        key,
        stepIdentity: `${stage.label}\0${step.id}`,
        parts: {},
        snapshot: snapshot.id,
        seconds,
        created,
      });
      events.emit({type: 'step-done', step: step.id, seconds});
      return {snapshot: snapshot.id, cached: false, seconds, created};
    } catch (error) {
      const seconds = (performance.now() - started) / 1000;
      const message = error instanceof Error ? error.message : String(error);
      events.emit({type: 'step-done', step: step.id, seconds, error: signal.aborted ? 'cancelled' : message});
      throw error instanceof BuildError ? placed(error, job) : error;
    }
  }

  /** Says where in the Dockerfile it happened. */
  function placed(error: BuildError, {step}: StepJob): BuildError {
    const {file, text} = plan.dockerfile;
    return error.with({file, source: text, range: step.range});
  }

  function mountTree(tree: Tree): Promise<string> {
    const found = mounted.get(tree.key) ?? mountNow(tree);
    mounted.set(tree.key, found);
    return found;
  }

  async function mountNow(tree: Tree): Promise<string> {
    const lowers = lowersOf(await tree.chain());
    if (lowers.length === 1) return lowers[0] ?? '';
    const target = newMountPoint(store);
    mountOverlay({target, lowers, userXattrs: rootless});
    targets.push(target);
    return target;
  }

  /** Directories topmost first; an empty one where there is nothing. */
  function lowersOf(chain: readonly string[]): readonly string[] {
    if (chain.length > 0) return [...chain].reverse().map((id) => snapshotFs(store, id));
    const empty = join(store.root, 'empty');
    mkdirSync(empty, {recursive: true, mode: 0o755});
    return [empty];
  }
}
