import {BuildError} from '../../../base/errors.js';
import {layerTar} from '../../../snapshot/diff.js';
import type {Output} from '../../driver.js';
import {imageFiles, tarOf} from './archive.js';
import {type WriteOut, writeStream} from './destination.js';
import type {DescribedImage} from './finished-image.js';
import {writeLayoutDirectory} from './layout-directory.js';
import {copyTree} from './local-directory.js';

/** What an output needs of the build. */
export interface OutputPlace {
  /** The file system of the image in a directory, read-only, for `tar` and `local`. */
  rootDirectory(): Promise<string>;
  /** The process is root and may give files to others. */
  readonly root: boolean;
  /** SOURCE_DATE_EPOCH, seconds since 1970. */
  readonly epoch?: number | undefined;
  /** Takes what has no destination. */
  readonly stdout: WriteOut;
}

/** It goes to standard output. */
export function isStreamed({type, dest, attributes}: Output): boolean {
  if (type === 'image' || type === 'local' || attributes['tar'] === 'false') return false;
  return dest === undefined || dest === '-';
}

/** Writes an output that is no image of the store: each file is there whole or not at all. Rejects with USAGE, NO_SPACE or IO. */
export async function writeOutput(
  output: Output,
  image: DescribedImage,
  place: OutputPlace,
  signal: AbortSignal,
): Promise<void> {
  const {type, dest, attributes} = output;
  switch (type) {
    case 'oci':
    case 'docker': {
      if (attributes['tar'] === 'false') return writeLayoutDirectory(image, needed(output), signal);
      const files = imageFiles([image], type === 'docker');
      return writeStream(dest, tarOf(files, place.epoch ?? 0, signal), place.stdout, signal);
    }
    case 'tar': {
      const tree = layerTar({directory: await place.rootDirectory(), clamp: place.epoch, wholeSeconds: true});
      return writeStream(dest, paced(tree, signal), place.stdout, signal);
    }
    case 'local': {
      const {root, epoch} = place;
      return copyTree(await place.rootDirectory(), needed(output), {root, epoch}, signal);
    }
    case 'image':
      throw new Error('unreachable: an image is tagged or pushed');
    default:
      throw new Error(`unreachable: ${String(type satisfies never)}`);
  }
}

function needed({type, dest}: Output): string {
  if (dest !== undefined && dest !== '-') return dest;
  throw new BuildError('USAGE', `the output ${type} is a directory and cannot go to standard output`, {
    remedy: 'Give it a dest=PATH.',
  });
}

async function* paced(source: Iterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const {setImmediate} = await import('node:timers/promises');
  for (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
    await setImmediate();
  }
}
