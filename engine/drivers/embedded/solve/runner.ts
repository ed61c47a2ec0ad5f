import {existsSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {join} from 'node:path';
import {createLimiter} from '../../../base/concurrency.js';
import {canonicalJson, type KeyPart} from '../../../plan/cache-key.js';
import {adoptRoot, mountOverlay} from '../../../snapshot/overlay.js';
import {withLock} from '../../../store/locks.js';
import {findRecords, writeRecord} from '../../../store/records.js';
import {
  claimSnapshot,
  completeSnapshot,
  discardSnapshot,
  newSnapshot,
  type NewSnapshot,
  snapshotFs,
  snapshotPath,
} from '../../../store/snapshots.js';
import {newMountPoint} from '../../../store/store.js';
import {byteString} from '../files/byte-path.js';
import type {CopyReuse} from '../files/reuse.js';
import {whyFailed} from './full-disk.js';
import {generation, keyOfRun, type Lookup} from './lookup.js';
import {perform, type PerformTools} from './perform.js';
import type {Result, SolverWork, StepJob} from './solver.js';
import {releaseMountPoint} from './tree-mounts.js';

export interface RunnerParts extends PerformTools {
  readonly lookup: Lookup;
}

/** Runs steps, each over an overlay of what it starts from; what it leaves becomes a snapshot of the store. */
export function createRunner(parts: RunnerParts): SolverWork {
  const {store, lookup, request, place, mounts} = parts;
  const limiter = createLimiter(request.jobs ?? Math.max(2, availableParallelism()));
  const {events, rootless} = place;
  const running = new Map<string, Promise<Result>>();

  return {
    ...lookup,
    result(job, signal) {
      // Two stages that need the same step share it.
      const found = running.get(job.key) ?? resultOf(job, signal);
      running.set(job.key, found);
      return found;
    },
  };

  function isFresh({stage}: StepJob): boolean {
    return request.noCache || request.noCacheFilter.some((name) => name.toLowerCase() === stage.name);
  }

  async function resultOf(job: StepJob, signal: AbortSignal): Promise<Result> {
    const {step} = job;
    const fresh = isFresh(job);
    const cached = (): Result | undefined => {
      const found = fresh ? undefined : lookup.find(job);
      if (found !== undefined) events.emit({type: 'step-cached', step: step.id, name: step.name, planStep: step.id});
      return found;
    };
    // Without the signal: who gave up would free the lock, and end the executor, while the step still cleans up.
    return (
      cached() ??
      withLock(store, `step-${job.key}`, signal, async () => cached() ?? limiter.run(() => run(job, signal)))
    );
  }

  /** What an earlier run of the same COPY left may be used again, where it reads a build context. */
  async function reuseOf(job: StepJob, target: string, {id, fs}: NewSnapshot): Promise<CopyReuse | undefined> {
    const {operation} = job.step;
    if (operation.kind !== 'copy' || job.inputs.size > 0) return undefined;
    const {createCopyReuse, mayReuse} = await import('../files/reuse.js');
    if (!mayReuse(operation)) return undefined;
    const past = request.noCache ? [] : findRecords(store, {stepIdentity: identityOf(job), most: 5});
    const earlier = past.find(
      ({snapshot}) => snapshot !== null && existsSync(listOf(snapshot)) && claimSnapshot(store, snapshot),
    )?.snapshot;
    const found =
      earlier === undefined || earlier === null
        ? undefined
        : {upper: snapshotFs(store, earlier), list: listOf(earlier)};
    const [root, upper] = [byteString(target), byteString(fs)];
    return createCopyReuse({
      root,
      upper,
      list: listOf(id),
      earlier: found === undefined ? undefined : {...found, upper: byteString(found.upper)},
    });
  }

  function listOf(id: string): string {
    return join(snapshotPath(store.root, id), 'copied');
  }

  async function run(job: StepJob, signal: AbortSignal): Promise<Result> {
    const {step, stage, key, parent} = job;
    signal.throwIfAborted();
    events.emit({
      type: 'step-started',
      step: step.id,
      name: step.name,
      stage: stage.label,
      line: step.line,
      planStep: step.id,
    });
    const started = performance.now();
    try {
      const chain = await parent.chain();
      const snapshot = newSnapshot(store);
      try {
        const lowers = mounts.lowers(chain);
        const target = newMountPoint(store);
        if (lowers[0] !== undefined) adoptRoot(snapshot.fs, lowers[0]);
        const reuse = await reuseOf(job, target, snapshot);
        mountOverlay({target, lowers, upper: snapshot.fs, work: snapshot.work, userXattrs: rootless});
        try {
          await perform(job, target, chain.length === 0, reuse, parts, signal).catch((error: unknown) => {
            throw whyFailed(store.root, error);
          });
        } finally {
          releaseMountPoint(target);
        }
        await reuse?.finish(signal);
        completeSnapshot(store, snapshot.id, {synced: false, parents: chain.slice(-1)});
      } catch (error) {
        discardSnapshot(store, snapshot.id);
        throw error;
      }
      const seconds = (performance.now() - started) / 1000;
      const created = new Date().toISOString();
      const again = isFresh(job);
      writeRecord(store, {
        key,
        stepIdentity: identityOf(job),
        parts: {...recordedParts(job.parts), ...(again && {[generation]: snapshot.id})},
        snapshot: snapshot.id,
        seconds,
        created,
      });
      events.emit({type: 'step-done', step: step.id, seconds});
      return {
        key: keyOfRun(key, again ? snapshot.id : undefined),
        snapshot: snapshot.id,
        cached: false,
        seconds,
        created,
      };
    } catch (error) {
      const seconds = (performance.now() - started) / 1000;
      const message = error instanceof Error ? error.message : String(error);
      events.emit({type: 'step-done', step: step.id, seconds, error: signal.aborted ? 'cancelled' : message});
      throw error;
    }
  }
}

const identityOf = ({stage, step}: StepJob): string => `${stage.label}\0${step.id}`;

/** As the record keeps them: a text for each part, by kind and name. */
function recordedParts(parts: readonly KeyPart[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    parts.map(({kind, name, value}) => [`${kind} ${name}`, typeof value === 'string' ? value : canonicalJson(value)]),
  );
}
