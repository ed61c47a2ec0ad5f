import {once} from 'node:events';
import {fileURLToPath} from 'node:url';
import {BuildError, hasErrno} from '../../base/errors.js';
import type {DiffOptions} from '../../snapshot/diff.js';
import type {OverlayPrefix} from '../../snapshot/layer-view.js';
import {enterNamespace} from './enter-namespace.js';
import {errorOf, type WireError} from './protocol.js';
import {isReadable, readTree} from './read-tree.js';

export type ToTreeReader =
  | {
      readonly type: 'read';
      readonly directories: readonly string[];
      readonly path: string;
      readonly prefix: OverlayPrefix;
    }
  | {readonly type: 'layer'; readonly diff: DiffOptions}
  /** The last piece has been taken. */
  | {readonly type: 'next'};

export type FromTreeReader =
  | {readonly type: 'bytes'; readonly bytes: Uint8Array}
  | {readonly type: 'end'}
  | {readonly type: 'failed'; readonly error: WireError};

/**
 * `readTree` for an ordinary user: what belongs to the subordinate ids of a container may be closed to the user, and is then read
 * in a user namespace. Files have the owners that they have there.
 */
export async function* readTreeAsUser(
  directories: readonly string[],
  path: string,
  prefix: OverlayPrefix,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (readableHere(directories, path, prefix)) {
    yield* readTree(directories, path, prefix, signal);
    return;
  }
  yield* readInNamespace({type: 'read', directories, path, prefix}, path, signal);
}

/** `layerTar` for an ordinary user, in the namespace that the snapshots are of. */
export function layerAsUser(diff: DiffOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  return readInNamespace({type: 'layer', diff}, 'a layer', signal);
}

async function* readInNamespace(
  wanted: Exclude<ToTreeReader, {type: 'next'}>,
  what: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const script = fileURLToPath(new URL('./tree-reader.js', import.meta.url));
  const reader = await enterNamespace(script, {root: false, signal});
  const {channel, ended} = reader;
  const send = (message: ToTreeReader): void => void channel.send(message);
  const lost = ended.then((status): never => {
    throw new BuildError('IO', `reading ${what} ended before its end (status ${status})`);
  });
  lost.catch(() => undefined);
  try {
    let answer = once(channel, 'message', {signal});
    send(wanted);
    for (;;) {
      const [message] = (await Promise.race([answer, lost])) as [FromTreeReader];
      if (message.type === 'end') return;
      if (message.type === 'failed') throw errorOf(message.error);
      yield message.bytes;
      answer = once(channel, 'message', {signal});
      send({type: 'next'});
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await reader.kill();
  }
}

function readableHere(directories: readonly string[], path: string, prefix: OverlayPrefix): boolean {
  try {
    return isReadable(directories, path, prefix);
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'EPERM')) return false;
    throw error;
  }
}
