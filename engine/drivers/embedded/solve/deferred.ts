import {BuildError} from '../../../base/errors.js';
import {withLock} from '../../../store/locks.js';
import {keyOfRun} from './lookup.js';
import {identityOf, recordedParts} from './recorded.js';
import type {RunnerParts} from './runner.js';
import type {DeferredResult, Result, StepJob} from './solver.js';

export interface DeferredParts extends Pick<RunnerParts, 'store' | 'lookup' | 'imports' | 'place'> {
  /** Runs the step, whose lock is held. */
  runNow(job: StepJob, signal: AbortSignal): Promise<Result>;
}

/** What an imported cache has of the step, now or at an earlier build; undefined where it must run. */
export async function findDeferred(
  parts: DeferredParts,
  job: StepJob,
  signal: AbortSignal,
): Promise<DeferredResult | undefined> {
  const {store, lookup, place} = parts;
  const {events, rootless} = place;
  const {step, key} = job;
  const imported = await parts.imports?.find(key);
  let landing: Promise<Result> | undefined;
  let fetching: Promise<unknown> | undefined;
  const landOnce = (): Promise<Result> => (landing ??= land());
  const past = lookup.known(job, landOnce);
  if (imported === undefined && past === undefined) return undefined;
  const {fetchLayer, landStep, rememberStep} = await import('../cache/land.js');
  const record = {stepIdentity: identityOf(job), parts: recordedParts(job.parts)};
  const reason = imported === undefined ? {} : {reason: `imported from ${imported.source.name}`};
  events.emit({type: 'step-cached', step: step.id, name: step.name, planStep: step.id, ...reason});
  if (imported === undefined) return past;
  if (past === undefined) rememberStep(store, key, imported, record);
  const prefetch = (): Promise<unknown> => (fetching ??= fetchLayer(store, imported, signal));
  const {run, created} = imported.record;
  return {
    key: keyOfRun(key, run),
    run,
    created,
    imported,
    land: landOnce,
    // Who wants it sees the failure.
    prefetch: () => void prefetch().catch(() => undefined),
  };

  async function land(): Promise<Result> {
    const below = await job.parent.chain();
    return withLock(store, `step-${key}`, signal, async () => {
      const here = lookup.find(job);
      if (here !== undefined) return here;
      if (imported?.layer === undefined) return parts.runNow(job, signal);
      try {
        await prefetch();
        return await landStep({store, rootless, events, signal}, job, imported, below, record);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof BuildError) || error.code === 'NO_SPACE') throw error;
        const message = `${step.name} runs, as ${imported.source.name} does not give its layer: ${error.message}`;
        events.emit({type: 'warning', message});
        return parts.runNow(job, signal);
      }
    });
  }
}
