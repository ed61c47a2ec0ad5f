import {readdirSync, lstatSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import type {Worker as Thread} from 'node:worker_threads';
import {BuildError} from '../../base/errors.js';
import {quietThread} from '../../base/quiet-thread.js';
import {type CommittedLayer, commitLayer, type LayerRequest} from '../../snapshot/commit.js';
import {layerPieces} from '../../snapshot/diff.js';
import type {LayerPiece} from '../../snapshot/tar-chunks.js';
import {shareStore, type Store} from '../../store/store.js';
import type {FromLayerWorker, ToLayerWorker} from './layer-worker.js';
import {packPieces} from './packed-pieces.js';
import {errorOf} from './protocol.js';

/** Makes layers of snapshots, large ones in a thread: the steps of a build go on meanwhile. */
export interface LayerWork {
  /** Rejects with BuildError, or the signal's reason. */
  make(request: LayerRequest): Promise<CommittedLayer>;
  /** Ends what is under way; nothing half-made is left. Idempotent. */
  close(): Promise<void>;
}

/** A layer with no more than these is made in less time than a thread takes to start. */
const few = {files: 400, bytes: 8 * 1024 * 1024};
/** How long a thread may take to stop, ms. */
const patience = 2000;

/** Entries that are sent at once: a millisecond of walking. */
const batch = 64;
/** Batches that the thread may be behind. */
const ahead = 16;

interface Waiting {
  readonly resolve: (made: CommittedLayer) => void;
  readonly reject: (error: unknown) => void;
  /** Pieces were read. */
  readonly taken?: () => void;
}

export function createLayerWork(store: Store, signal: AbortSignal): LayerWork {
  const waiting = new Map<number, Waiting>();
  let worker: Promise<Thread> | undefined;
  let last = 0;
  let idle: (() => void) | undefined;
  let closed = false;

  const settle = (id: number, how: (waiter: Waiting) => void): void => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (waiter !== undefined) how(waiter);
    if (waiting.size === 0) idle?.();
  };
  /** The thread reads on until it is ended, which harms nothing: of these it makes no more than a digest. */
  const giveUp = (reason: unknown): void => {
    for (const [id, {taken}] of [...waiting]) if (taken !== undefined) settle(id, ({reject}) => reject(reason));
  };
  const onAbort = (): void => {
    giveUp(signal.reason);
    const message: ToLayerWorker = {type: 'abort'};
    void worker?.then((thread) => thread.postMessage(message)).catch(() => undefined);
  };
  signal.addEventListener('abort', onAbort, {once: true});
  async function start(): Promise<Thread> {
    const {Worker} = await import('node:worker_threads');
    const options = {...quietThread, workerData: shareStore(store)};
    const made = new Worker(new URL('./layer-worker.js', import.meta.url), options);
    made.on('message', (message: FromLayerWorker) => {
      if ('taken' in message) {
        waiting.get(message.id)?.taken?.();
        return;
      }
      settle(message.id, ({resolve, reject}) => {
        if ('made' in message) resolve(message.made);
        else reject(signal.aborted ? signal.reason : errorOf(message.failed));
      });
    });
    made.on('error', (error: unknown) => {
      // The next layer gets another one: this one answers no more.
      worker = undefined;
      for (const id of [...waiting.keys()]) {
        settle(id, ({reject}) => reject(new BuildError('IO', 'the thread that makes layers ended', {cause: error})));
      }
    });
    return made;
  }
  async function inThread(request: LayerRequest): Promise<CommittedLayer> {
    const thread = await (worker ??= start());
    const id = ++last;
    return new Promise((resolve, reject) => {
      waiting.set(id, {resolve, reject});
      const message: ToLayerWorker = {type: 'make', id, request};
      thread.postMessage(message);
    });
  }
  /** This thread walks, the other one reads and hashes: each takes about as long. */
  async function hashInThread({diff}: LayerRequest): Promise<CommittedLayer> {
    const thread = await (worker ??= start());
    const id = ++last;
    const send = (message: ToLayerWorker, moved: ArrayBuffer[] = []): void => thread.postMessage(message, moved);
    let behind = 0;
    let wake: (() => void) | undefined;
    const made = new Promise<CommittedLayer>((resolve, reject) => {
      const taken = (): void => {
        behind--;
        wake?.();
      };
      const failed = (error: unknown): void => {
        reject(error instanceof Error ? error : new Error(String(error)));
        wake?.();
      };
      waiting.set(id, {resolve, reject: failed, taken});
    });
    // Who waits for it may be behind.
    made.catch(() => undefined);
    try {
      for (const pieces of batches(layerPieces(diff))) {
        signal.throwIfAborted();
        if (closed) throw unwanted();
        while (behind >= ahead && waiting.has(id)) await new Promise<void>((resolve) => (wake = resolve));
        if (!waiting.has(id)) return await made;
        const packed = packPieces(pieces);
        behind++;
        send({type: 'pieces', id, pieces: packed}, [packed.headers.buffer]);
        await setImmediate();
      }
      send({type: 'end', id});
    } catch (error) {
      send({type: 'drop', id});
      settle(id, ({reject}) => reject(error));
    }
    return made;
  }
  function make(request: LayerRequest): Promise<CommittedLayer> {
    if (isSmall(request)) return commitLayer({...request, store}, signal);
    return request.compression === undefined ? hashInThread(request) : inThread(request);
  }
  return {
    // What is thrown at once is a rejection too.
    make: async (request) => make(request),
    async close() {
      closed = true;
      signal.removeEventListener('abort', onAbort);
      giveUp(unwanted());
      const ending = worker;
      worker = undefined;
      if (ending === undefined) return;
      const thread = await ending;
      if (waiting.size > 0) {
        const message: ToLayerWorker = {type: 'abort'};
        thread.postMessage(message);
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          idle = resolve;
          timer = setTimeout(resolve, patience);
        });
        clearTimeout(timer);
      }
      await thread.terminate();
    },
  };
}

const unwanted = (): Error => new Error('nobody waits for the layer any more');

/** Stops looking as soon as the answer is no. */
function isSmall({diff}: LayerRequest): boolean {
  let [files, bytes] = [0, 0];
  const queue = [diff.directory, ...(diff.continued ?? [])].map((path) => Buffer.from(path));
  for (let directory = queue.pop(); directory !== undefined; directory = queue.pop()) {
    for (const entry of readdirSync(directory, {withFileTypes: true, encoding: 'buffer'})) {
      const path = Buffer.concat([directory, slash, entry.name]);
      if (entry.isDirectory()) queue.push(path);
      else if (entry.isFile()) bytes += lstatSync(path).size;
      if (++files > few.files || bytes > few.bytes) return false;
    }
  }
  return true;
}

function* batches(pieces: Iterable<LayerPiece>): Generator<readonly LayerPiece[], void, undefined> {
  let some: LayerPiece[] = [];
  for (const piece of pieces) {
    some.push(piece);
    if (some.length < batch) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

const slash = Buffer.from('/');
