import {parentPort, workerData} from 'node:worker_threads';
import {createHasher, type Hasher} from '../../oci/digest.js';
import {type CommittedLayer, commitLayer, type LayerRequest} from '../../snapshot/commit.js';
import {TarChunks} from '../../snapshot/tar-chunks.js';
import {attachStore, type SharedStore} from '../../store/store.js';
import {type PackedPieces, unpackPieces} from './packed-pieces.js';
import {wireError, type WireError} from './protocol.js';

export type ToLayerWorker =
  | {readonly type: 'make'; readonly id: number; readonly request: LayerRequest}
  /** The next entries of a layer of which only the digest is wanted: who sends them walks, this thread reads. */
  | {readonly type: 'pieces'; readonly id: number; readonly pieces: PackedPieces}
  | {readonly type: 'end'; readonly id: number}
  | {readonly type: 'drop'; readonly id: number}
  | {readonly type: 'abort'};

export type FromLayerWorker =
  | {readonly id: number; readonly made: CommittedLayer}
  | {readonly id: number; readonly failed: WireError}
  /** Pieces were read. */
  | {readonly id: number; readonly taken: true};

// The thread of `createLayerWork`: one layer after the other; its compressor's threads are those of the process.
const abort = new AbortController();
const store = attachStore(workerData as SharedStore, abort.signal);
let before: Promise<void> = Promise.resolve();

interface OpenTar {
  readonly chunks: TarChunks;
  readonly hasher: Hasher;
}

const open = new Map<number, OpenTar>();

parentPort?.on('message', (message: ToLayerWorker) => {
  switch (message.type) {
    case 'make':
      before = before.then(() => make(message.id, message.request));
      return;
    case 'pieces':
    case 'end':
      answerOf(message);
      return;
    case 'drop':
      open.delete(message.id);
      return;
    case 'abort':
      abort.abort();
      return;
    default:
      throw new Error(`unreachable: ${String(message satisfies never)}`);
  }
});

function answerOf(message: Extract<ToLayerWorker, {type: 'pieces' | 'end'}>): void {
  const {id} = message;
  let answer: FromLayerWorker;
  try {
    answer = message.type === 'end' ? {id, made: hashed(id)} : read(id, message.pieces);
  } catch (error) {
    open.delete(id);
    answer = {id, failed: wireError(error)};
  }
  parentPort?.postMessage(answer);
}

function openTar(id: number): OpenTar {
  const found = open.get(id) ?? {chunks: new TarChunks(false), hasher: createHasher()};
  open.set(id, found);
  return found;
}

function read(id: number, pieces: PackedPieces): FromLayerWorker {
  const {chunks, hasher} = openTar(id);
  for (const piece of unpackPieces(pieces)) for (const chunk of chunks.add(piece)) hasher.update(chunk);
  return {id, taken: true};
}

function hashed(id: number): CommittedLayer {
  const {chunks, hasher} = openTar(id);
  open.delete(id);
  for (const chunk of chunks.end()) hasher.update(chunk);
  const diffSize = hasher.size;
  return {descriptor: undefined, diffId: hasher.digest(), diffSize, implementation: 'none'};
}

async function make(id: number, request: LayerRequest): Promise<void> {
  let answer: FromLayerWorker;
  try {
    answer = {id, made: await commitLayer({...request, store}, abort.signal)};
  } catch (error) {
    answer = {id, failed: wireError(error)};
  }
  parentPort?.postMessage(answer);
}
