import {closeStore, openStore} from '../../store/open.js';
import {namespaceReady} from './enter-namespace.js';
import {layerOfStep} from './layer-blobs.js';
import type {FromLayerMaker, ToLayerMaker} from './make-layer-as-user.js';
import {wireError} from './protocol.js';

// The program that `makeLayerAsUser` starts in the user namespace of an ordinary user: one layer, then it is ended.
const abort = new AbortController();

process.on('message', (message: ToLayerMaker) => void make(message));

async function make({root, layer}: ToLayerMaker): Promise<void> {
  const store = openStore(root, abort.signal);
  try {
    send({type: 'made', form: await layerOfStep(store, layer, true, abort.signal)});
  } catch (error) {
    send({type: 'failed', error: wireError(error)});
  } finally {
    closeStore(store);
  }
}

function send(message: FromLayerMaker): void {
  process.send?.(message);
}

namespaceReady();
