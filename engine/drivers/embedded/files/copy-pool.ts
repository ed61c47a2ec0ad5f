import {availableParallelism} from 'node:os';
import {setImmediate} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import {quietThread} from '../../../base/quiet-thread.js';
import {writtenTo} from '../../../context/unreadable.js';
import {quotePath} from './byte-path.js';
import type {Answer} from './copy-worker.js';
import {ioError} from './destination.js';
import {copyFile, type FileJob} from './file-copy.js';

/** Copies files: a few in this thread, many beside it too. */
export interface CopyPool {
  add(job: FileJob): void;
  /** To be awaited now and then: copies while too much is waiting, and lets others run. */
  room(): Promise<void>;
  /** Everything added so far is copied; false where a source may be something else meanwhile. Rejects with the first failure. */
  settle(): Promise<boolean>;
  /** Ends the workers, whatever they do. Idempotent. */
  close(): Promise<void>;
}

/** Files for which a worker is worth its start: begun while they are being collected, and at once. */
const worth = {prepared: 300, started: 1000};
/** Files that are copied at once: a few milliseconds. */
const batch = 32;
/** Batches under way for each worker. */
const ahead = 2;
/** Files that wait while the tree is walked. */
const mostWaiting = 1024;
/** This thread copies too. */
const threads = Math.min(2, availableParallelism() - 1);

let prepared: Worker | undefined;

/** Starts a worker for a pool to come: that takes as long as copying some hundred files. */
export function prepareCopying(files: number): void {
  if (files >= worth.prepared && threads > 0) prepared ??= startWorker();
}

/** Every promise rejects with the signal's reason when it is aborted. */
export function createCopyPool(signal: AbortSignal): CopyPool {
  let waiting: FileJob[] = [];
  const workers: Worker[] = [];
  let open = 0;
  let failure: Error | undefined;
  let isSure = true;
  let wake: (() => void) | undefined;

  const take = (): readonly FileJob[] => {
    const jobs = waiting.slice(0, batch);
    waiting = waiting.slice(batch);
    return jobs;
  };
  /** In turn: each gets as much as the others. */
  let next = 0;
  const send = (): void => {
    if (workers.length === 0) while (workers.length < threads) workers.push(startOne());
    while (waiting.length > 0 && open < workers.length * ahead) {
      workers[next++ % workers.length]?.postMessage(take());
      open++;
    }
  };
  function startOne(): Worker {
    const worker = prepared ?? startWorker();
    prepared = undefined;
    worker.ref();
    worker.removeAllListeners();
    worker.on('message', (answer: Answer) => {
      open--;
      if ('failed' in answer) failure ??= failureOf(answer);
      else isSure &&= answer.isSure;
      wake?.();
    });
    worker.on('error', (error) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
      wake?.();
    });
    return worker;
  }
  const check = (): void => {
    signal.throwIfAborted();
    if (failure !== undefined) throw failure;
  };
  /** Copies until no more than `most` files wait. */
  const copyUntil = async (most: number): Promise<void> => {
    while (waiting.length > most) {
      const needed = prepared === undefined ? worth.started : worth.prepared;
      if (workers.length > 0 || waiting.length >= needed) send();
      for (const job of take()) if (!copyHere(job)) isSure = false;
      await setImmediate();
      check();
    }
  };
  return {
    add: (job) => void waiting.push(job),
    async room() {
      await copyUntil(mostWaiting);
      await setImmediate();
      check();
    },
    async settle() {
      await copyUntil(0);
      while (open > 0 && failure === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      check();
      return isSure;
    },
    async close() {
      await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
    },
  };
}

function startWorker(): Worker {
  const worker = new Worker(new URL('./copy-worker.js', import.meta.url), quietThread);
  // One that is not needed after all ends with the process.
  worker.unref();
  worker.on('error', () => {
    prepared = undefined;
  });
  return worker;
}

/** `copyFile`; throws BuildError. */
export function copyHere(job: FileJob): boolean {
  try {
    return copyFile(job);
  } catch (error) {
    throw ioError(`cannot copy ${quotePath(job.source)}`, error);
  }
}

function failureOf(answer: Extract<Answer, {failed: FileJob}>): Error {
  if (answer.code === 'CONTEXT_CHANGED') return writtenTo(answer.message);
  const cause = Object.assign(new Error(answer.message), {code: answer.errno});
  return ioError(`cannot copy ${quotePath(answer.failed.source)}`, cause);
}
