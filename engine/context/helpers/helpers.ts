import {availableParallelism} from 'node:os';
import type {Worker} from 'node:worker_threads';
import type {HashJob, HashReply} from './hash-job.js';
import {fillPlaces, statPaths, type FillJob, type FillReply, type StatJob, type StatReply} from './jobs.js';

export type Job = StatJob | FillJob | HashJob;
export type ReplyTo<J extends Job> = J extends StatJob ? StatReply : J extends FillJob ? FillReply : HashReply;

/** Threads for the system calls of a large context. Each user of the context holds them while it works. */
export interface Helpers {
  /** Whether jobs go to threads; until then (they start while other work goes on), and where there is one core, they are done here. */
  ready(): boolean;
  /** Starts the threads, unless they run: worth it for tens of thousands of files, for a thread takes 60 ms of a core to come up. */
  start(): void;
  /** A job given to a thread gives away its buffer. Rejects where a thread died. */
  run<J extends Job>(job: J): Promise<ReplyTo<J>>;
  /** The last user's release ends the threads, whatever they do. Idempotent. */
  release(): void;
}

/** With the caller's own thread, which is busy with what they answer, no more than the cores; two are enough for it. */
const threads = Math.min(2, availableParallelism() - 1);
/** Jobs that a thread has before it; when all have so many, the caller does the next. */
const mostPending = 3;

interface Thread {
  readonly worker: Worker;
  readonly pending: Map<number, {readonly resolve: (reply: never) => void; readonly reject: (error: unknown) => void}>;
}

let users = 0;
let starting = false;
let running: Thread[] = [];
let lastId = 0;

export function useHelpers(): Helpers {
  users++;
  let released = false;
  return {
    ready: () => running.length > 0,
    start() {
      if (starting || threads < 1) return;
      starting = true;
      // That there are none is no failure: the work is done here.
      void launch().catch(() => undefined);
    },
    run(job) {
      const thread = leastBusy();
      return thread === undefined ? here(job) : there(job, thread);
    },
    release() {
      if (released) return;
      released = true;
      users--;
      if (users === 0) stop();
    },
  };
}

async function here<J extends Job>(job: J): Promise<ReplyTo<J>> {
  switch (job.kind) {
    case 'stat':
      return statPaths(job) as ReplyTo<J>;
    case 'fill':
      return fillPlaces(job) as ReplyTo<J>;
    case 'hash': {
      const {hashFiles} = await import('./hash-job.js');
      return hashFiles(job) as ReplyTo<J>;
    }
  }
}

function leastBusy(): Thread | undefined {
  let least: Thread | undefined;
  for (const one of running) if (one.pending.size < (least?.pending.size ?? mostPending)) least = one;
  return least;
}

function there<J extends Job>(job: J, thread: Thread): Promise<ReplyTo<J>> {
  const id = ++lastId;
  const answer = new Promise<ReplyTo<J>>((resolve, reject) => {
    thread.pending.set(id, {resolve, reject});
    // A thread with nothing to do does not keep the process alive, one that owes an answer does.
    if (thread.pending.size === 1) thread.worker.ref();
    thread.worker.postMessage({id, job}, job.kind === 'fill' ? [job.buffer, job.places.buffer as ArrayBuffer] : []);
  });
  // Who gave up asks no more.
  answer.catch(() => undefined);
  return answer;
}

async function launch(): Promise<void> {
  const {Worker} = await import('node:worker_threads');
  if (users === 0) {
    starting = false;
    return;
  }
  for (let i = 0; i < threads; i++) {
    const worker = new Worker(new URL('worker.js', import.meta.url), {stdin: false});
    const thread: Thread = {worker, pending: new Map()};
    worker.unref();
    worker.on('message', (message: 'ready' | {id: number; reply?: never; error?: unknown}) => {
      if (message === 'ready') {
        if (launched.includes(thread)) running.push(thread);
        return;
      }
      const waiting = thread.pending.get(message.id);
      thread.pending.delete(message.id);
      if (thread.pending.size === 0) worker.unref();
      if (message.error === undefined) waiting?.resolve(message.reply as never);
      else waiting?.reject(message.error);
    });
    const gone = (error: unknown) => {
      running = running.filter((one) => one !== thread);
      for (const {reject} of thread.pending.values()) reject(error);
      thread.pending.clear();
    };
    worker.on('error', gone);
    worker.on('exit', () => gone(new Error('a helper thread ended before it had answered')));
    launched.push(thread);
  }
}

/** Those that were started, ready or not. */
let launched: Thread[] = [];

function stop(): void {
  const ending = launched;
  launched = [];
  running = [];
  starting = false;
  for (const {worker} of ending) void worker.terminate();
}
