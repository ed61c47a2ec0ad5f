import {Worker} from 'node:worker_threads';
import {BuildError} from '../../../base/errors.js';
import {quotePath} from './byte-path.js';
import type {Answer} from './copy-worker.js';
import {ioError} from './destination.js';
import {copyFile, type FileJob} from './file-copy.js';

/** Copies files: a few in this thread, many in two workers, while the caller goes on with the tree. */
export interface CopyPool {
  add(job: FileJob): void;
  /** Waits while too much is under way. */
  room(): Promise<void>;
  /** Everything added so far is copied. Rejects with the first failure. */
  settle(): Promise<void>;
  /** Ends the workers, whatever they do. Idempotent. */
  close(): Promise<void>;
}

/** Below this many files a worker costs more than it saves. */
const few = 1500;
const batch = 256;
/** Batches under way for each worker. */
const ahead = 4;
const threads = 2;

export function createCopyPool(): CopyPool {
  let waiting: FileJob[] = [];
  let workers: Worker[] = [];
  let next = 0;
  let open = 0;
  let failure: Error | undefined;
  let wake: (() => void) | undefined;

  const send = () => {
    if (workers.length === 0) workers = Array.from({length: threads}, start);
    while (waiting.length > 0 && failure === undefined) {
      workers[next++ % workers.length]?.postMessage(waiting.slice(0, batch));
      waiting = waiting.slice(batch);
      open++;
    }
  };
  function start(): Worker {
    // Else Node warns of descriptors that our own system calls have opened.
    const worker = new Worker(new URL('./copy-worker.js', import.meta.url), {trackUnmanagedFds: false});
    worker.on('message', (answer: Answer) => {
      open--;
      if ('failed' in answer) failure ??= failureOf(answer);
      wake?.();
    });
    worker.on('error', (error) => {
      failure ??= error instanceof Error ? error : new Error(String(error));
      wake?.();
    });
    return worker;
  }
  const until = async (most: number) => {
    while (open > most && failure === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== undefined) throw failure;
  };
  return {
    add(job) {
      waiting.push(job);
      if (waiting.length >= (workers.length === 0 ? few : batch)) send();
    },
    room: () => until(threads * ahead),
    async settle() {
      if (workers.length > 0) send();
      else {
        const jobs = waiting;
        waiting = [];
        for (const job of jobs) copyHere(job);
      }
      await until(0);
    },
    async close() {
      const ending = workers;
      workers = [];
      await Promise.all(ending.map((worker) => worker.terminate()));
    },
  };
}

/** Throws BuildError. */
export function copyHere(job: FileJob): void {
  try {
    copyFile(job);
  } catch (error) {
    throw ioError(`cannot copy ${quotePath(job.source)}`, error);
  }
}

function failureOf(answer: Extract<Answer, {failed: FileJob}>): Error {
  if (answer.code === 'CONTEXT_CHANGED') {
    return new BuildError('CONTEXT_CHANGED', answer.message, {
      remedy: 'Build again when nothing writes into the build context.',
    });
  }
  const cause = Object.assign(new Error(answer.message), {code: answer.errno});
  return ioError(`cannot copy ${quotePath(answer.failed.source)}`, cause);
}
