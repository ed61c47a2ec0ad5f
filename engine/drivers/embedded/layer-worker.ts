import {parentPort, workerData} from 'node:worker_threads';
import {type CommittedLayer, commitLayer, type LayerRequest} from '../../snapshot/commit.js';
import {attachStore, type SharedStore} from '../../store/store.js';
import {wireError, type WireError} from './protocol.js';

export type ToLayerWorker =
  {readonly type: 'make'; readonly id: number; readonly request: LayerRequest} | {readonly type: 'abort'};

export type FromLayerWorker =
  {readonly id: number; readonly made: CommittedLayer} | {readonly id: number; readonly failed: WireError};

// The thread of `createLayerWork`: one layer after the other; its compressor's threads are those of the process.
const abort = new AbortController();
const store = attachStore(workerData as SharedStore, abort.signal);
let before: Promise<void> = Promise.resolve();

parentPort?.on('message', (message: ToLayerWorker) => {
  if (message.type === 'abort') abort.abort();
  else before = before.then(() => make(message.id, message.request));
});

async function make(id: number, request: LayerRequest): Promise<void> {
  let answer: FromLayerWorker;
  try {
    answer = {id, made: await commitLayer({...request, store}, abort.signal)};
  } catch (error) {
    answer = {id, failed: wireError(error)};
  }
  parentPort?.postMessage(answer);
}
