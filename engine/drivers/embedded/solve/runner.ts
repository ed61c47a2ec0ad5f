import {lstatSync} from 'node:fs';
import {availableParallelism} from 'node:os';
import {createLimiter} from '../../../base/concurrency.js';
import {BuildError} from '../../../base/errors.js';
import {dropFailure, writeFailure} from '../../../store/failures.js';
import {withLock} from '../../../store/locks.js';
import {writeRecord} from '../../../store/records.js';
import {NotAChange} from '../files/not-a-change.js';
import type {CopyReuse} from '../files/reuse.js';
import type {CacheImports} from '../cache/imports.js';
import {findDeferred} from './deferred.js';
import {timeOf} from './epoch.js';
import {isFreshStep} from './fresh.js';
import {whyFailed} from './full-disk.js';
import {generation, keyOfRun, type Lookup} from './lookup.js';
import {makeSnapshot} from './make-snapshot.js';
import {openSteps, perform, type PerformTools, stubsOf} from './perform.js';
import {identityOf, recordedParts} from './recorded.js';
import {createRecordings, whenIdle} from './recordings.js';
import type {DeferredResult, Result, SolvedStep, SolverWork, StepJob} from './solver.js';
import {isDeferred} from './tree.js';

export interface RunnerParts extends PerformTools {
  readonly lookup: Lookup;
  /** Caches of `--cache-from`; undefined where there are none. */
  readonly imports: CacheImports | undefined;
}

interface Made {
  readonly result: Result;
  /** Stores it. Throws NO_SPACE, IO. */
  readonly record: () => void;
}

const isRun = ({operation}: SolvedStep): boolean => operation.kind === 'run';

/** Runs steps, each over an overlay of what it starts from; what it leaves becomes a snapshot of the store. */
export function createRunner(parts: RunnerParts): SolverWork {
  const {store, lookup, request, place, mounts} = parts;
  const limiter = createLimiter(request.jobs ?? Math.max(2, availableParallelism()));
  const {events, rootless} = place;
  const running = new Map<string, Promise<Result | DeferredResult>>();
  const recordings = createRecordings();
  /** RUNs that are neither cached nor begun. */
  let runsToCome = parts.plan.graph.stages.flatMap(({steps}) => steps).filter(isRun).length;

  return {
    ...lookup,
    settled: () => recordings.done(),
    result(job, signal) {
      // Two stages that need the same step share it.
      const found = running.get(job.key) ?? resultOf(job, signal);
      running.set(job.key, found);
      return found;
    },
  };

  function isFresh({stage}: StepJob): boolean {
    return isFreshStep(request, stage);
  }

  async function resultOf(job: StepJob, signal: AbortSignal): Promise<Result | DeferredResult> {
    const {step} = job;
    const fresh = isFresh(job);
    const cached = (): Result | undefined => {
      const found = fresh ? undefined : lookup.find(job);
      if (found === undefined) return undefined;
      if (isRun(step)) runsToCome--;
      events.emit({type: 'step-cached', step: step.id, name: step.name, planStep: step.id});
      return found;
    };
    // Without the signal: who gave up would free the lock, and end the executor, while the step still cleans up.
    return (
      cached() ??
      (fresh ? undefined : await findDeferred({...parts, runNow}, job, signal)) ??
      // What comes after the step begins when it is made; whoever else needs it waits for the lock until it is recorded.
      recordings.ahead((give) =>
        withLock(store, `step-${job.key}`, signal, async () => {
          const found = cached();
          if (found !== undefined) {
            give(found);
            return;
          }
          const {result, record} = await make(job, signal);
          give(result);
          await whenIdle();
          record();
        }),
      )
    );
  }

  async function runNow(job: StepJob, signal: AbortSignal): Promise<Result> {
    const {result, record} = await make(job, signal);
    record();
    return result;
  }

  /** What the step reads lands first: what waits for a place must not hold one. */
  async function make(job: StepJob, signal: AbortSignal): Promise<Made> {
    for (const tree of [job.parent, ...job.inputs.values()]) if (isDeferred(tree)) await tree.chain();
    return limiter.run(() => run(job, signal));
  }

  function explained(error: unknown): never {
    throw whyFailed(store.root, error);
  }

  /** Snapshots that are the step's layer, bottom first. */
  async function layerOf(job: StepJob, signal: AbortSignal): Promise<readonly string[]> {
    const chain = await job.parent.chain();
    const {operation} = job.step;
    const copies = operation.kind === 'copy' ? await import('./copy-past.js') : undefined;
    const options = {stepIdentity: identityOf(job), fresh: request.noCache, time: timeOf(request)};
    const past = copies?.copyPast(store, job, chain, options);
    const stubs = operation.kind === 'run' ? await stubsOf(parts) : undefined;
    const make = async (below: readonly string[], continues: string | undefined): Promise<string> => {
      let reuse: CopyReuse | undefined;
      let since = 0n;
      return makeSnapshot(store, mounts, rootless, {
        chain: below,
        continues,
        below: stubs,
        async run(place) {
          since = lstatSync(place.upper, {bigint: true}).ctimeNs;
          const directories = chain.length === 0 ? [] : mounts.lowers(chain);
          if (past !== undefined && continues !== undefined)
            reuse = copies?.changeOf(store, past, place, directories, rootless);
          else if (past !== undefined) reuse = copies?.reuseOf(store, past, place);
          const target = {root: place.target, empty: chain.length === 0, reuse, more: runsToCome > 0};
          await perform(job, target, parts, signal).catch(explained);
        },
        ...(continues === undefined && {keepFailed: (error: unknown) => keepFailed(job, error, signal)}),
        async finish({upper}) {
          const isSure = (await reuse?.finish(signal).catch(explained)) ?? true;
          await parts.contents.unchanged(operation, isSure);
          const {time} = options;
          if (time === undefined || operation.kind === 'run') return;
          const {dateDirectories} = await import('../files/date-directories.js');
          await dateDirectories(upper, since, time, signal);
        },
      });
    };
    if (past?.snapshot !== undefined && past.mayContinue) {
      try {
        return [past.snapshot, await make([...chain, past.snapshot], past.snapshot)];
      } catch (error) {
        // What is wrong with the step itself is told by a whole run.
        const isFailed = error instanceof BuildError && error.code === 'STEP_FAILED';
        if (!isFailed && !(error instanceof NotAChange)) throw error;
      }
    }
    return [await make(chain, undefined)];
  }

  /** What a step left that failed of itself is kept for a while: for a shell in it, and for its logs. */
  function keepFailed({key, step, parent}: StepJob, error: unknown, signal: AbortSignal) {
    if (signal.aborted || !(error instanceof BuildError) || error.code !== 'STEP_FAILED') return undefined;
    const below = parent.layers.flatMap((layer) => (layer.kind === 'step' ? layer.parts : []));
    return (snapshot: string): void =>
      writeFailure(store, {key, step: step.id, snapshot, below, time: new Date().toISOString()});
  }

  async function run(job: StepJob, signal: AbortSignal): Promise<Made> {
    const {step, stage, key} = job;
    signal.throwIfAborted();
    if (runsToCome > 0) openSteps(parts);
    if (isRun(step)) runsToCome--;
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
      const layer = await layerOf(job, signal);
      const snapshot = layer.at(-1) ?? '';
      const seconds = (performance.now() - started) / 1000;
      const created = new Date().toISOString();
      const again = isFresh(job);
      events.emit({type: 'step-done', step: step.id, seconds});
      return {
        result: {
          key: keyOfRun(key, again ? snapshot : undefined),
          snapshot,
          parts: layer,
          cached: false,
          seconds,
          created,
          ...(again && {run: snapshot}),
        },
        record() {
          writeRecord(store, {
            key,
            stepIdentity: identityOf(job),
            parts: {...recordedParts(job.parts), ...(again && {[generation]: snapshot})},
            snapshot,
            seconds,
            created,
          });
          dropFailure(store, key);
        },
      };
    } catch (error) {
      const seconds = (performance.now() - started) / 1000;
      const message = error instanceof Error ? error.message : String(error);
      events.emit({type: 'step-done', step: step.id, seconds, error: signal.aborted ? 'cancelled' : message});
      throw error;
    }
  }
}
