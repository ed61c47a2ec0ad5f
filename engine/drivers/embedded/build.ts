import {createLimiter} from '../../base/concurrency.js';
import type {Plan} from '../../plan/plan.js';
import type {EventSink} from '../../progress/events.js';
import {openStore, closeStore} from '../../store/open.js';
import {snapshotFs, syncSnapshots} from '../../store/snapshots.js';
import type {BuildRequest, StepOutcome} from '../driver.js';
import {createLookup, NotCached} from './solve/lookup.js';
import {solve} from './solve/solver.js';
import type {Tree} from './solve/tree.js';

export {NotCached};

/** What a build needs of the process it runs in. */
export interface BuildPlace {
  /** The store, absolute. */
  readonly root: string;
  /** In a user namespace of an ordinary user. */
  readonly rootless: boolean;
  /** False: only what is in the store; rejects with `NotCached` at the first step that would have to run. */
  readonly mayRun: boolean;
  readonly events: EventSink;
  /** Takes an output whose destination is `-`. */
  readonly stdout: (bytes: Uint8Array) => void;
  readonly signal: AbortSignal;
}

/** Plain data: it may come from another process. */
export interface BuildOutcome {
  readonly manifestDigest: string | undefined;
  readonly configDigest: string | undefined;
  readonly steps: readonly StepOutcome[];
  /** Directories of the kept stages' file systems, topmost first, by index of the stage. */
  readonly stages: ReadonlyMap<number, readonly string[]>;
}

/** Solves the plan and writes its outputs, in this process. Leaves no mount and no half-made snapshot. */
export async function runBuild(plan: Plan, request: BuildRequest, place: BuildPlace): Promise<BuildOutcome> {
  const {root, mayRun, events, signal} = place;
  const store = openStore(root, signal);
  const limiter = createLimiter(request.jobs ?? Math.max(2, (await import('node:os')).availableParallelism()));
  const lookup = createLookup(store, plan, request, events, signal);
  const runner = mayRun ? (await import('./solve/runner.js')).createRunner(store, lookup, plan, request, place, limiter) : undefined;
  try {
    const solved = await solve(plan, request, runner ?? lookup, events, signal);
    const {writeOutputs} = await import('./write-outputs.js');
    const target = solved.trees.get(plan.graph.target);
    const image =
      target === undefined ? undefined : await writeOutputs(store, plan, request, target, place, runner?.mountTree);
    const stages = new Map<number, readonly string[]>();
    for (const index of request.keepStages) {
      const tree = solved.trees.get(index);
      if (tree !== undefined) stages.set(index, await directoriesOf(tree));
    }
    await runner?.settled();
    return {manifestDigest: image?.manifestDigest, configDigest: image?.configDigest, steps: solved.steps, stages};
  } finally {
    runner?.close();
    closeStore(store);
  }

  async function directoriesOf(tree: Tree): Promise<readonly string[]> {
    return [...(await tree.chain())].reverse().map((id) => snapshotFs(store, id));
  }
}

/** Writes what the build made to the disk, so that it outlives the machine's next stop. */
export async function keepOnDisk(root: string, snapshots: readonly string[], signal: AbortSignal): Promise<void> {
  const store = openStore(root, signal);
  try {
    await syncSnapshots(store, snapshots);
  } finally {
    closeStore(store);
  }
}
