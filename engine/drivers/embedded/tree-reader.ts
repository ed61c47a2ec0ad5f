import {layerTar} from '../../snapshot/diff.js';
import {namespaceReady} from './enter-namespace.js';
import {wireError} from './protocol.js';
import {readTree} from './read-tree.js';
import {rootBelow} from './step-layers.js';
import type {FromTreeReader, ToTreeReader} from './read-tree-as-user.js';

// The program that `readTreeAsUser` starts in the user namespace of an ordinary user: sends one tar, piece by piece.
const abort = new AbortController();
let next: () => void = () => undefined;

process.on('message', (message: ToTreeReader) => {
  if (message.type === 'next') next();
  else void read(message);
});

async function read(wanted: Exclude<ToTreeReader, {type: 'next'}>): Promise<void> {
  try {
    for await (const bytes of tarOf(wanted)) {
      const taken = new Promise<void>((resolve) => {
        next = resolve;
      });
      send({type: 'bytes', bytes});
      await taken;
    }
    send({type: 'end'});
  } catch (error) {
    send({type: 'failed', error: wireError(error)});
  }
}

function tarOf(wanted: Exclude<ToTreeReader, {type: 'next'}>): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (wanted.type === 'layer') return layerTar({...wanted.diff, root: rootBelow(wanted.diff.lowers ?? [])});
  return readTree(wanted.directories, wanted.path, wanted.prefix, abort.signal);
}

function send(message: FromTreeReader): void {
  process.send?.(message);
}

namespaceReady();
