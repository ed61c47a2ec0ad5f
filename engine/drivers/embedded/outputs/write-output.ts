import {BuildError} from '../../../base/errors.js';
import {mapLimited} from '../../../base/concurrency.js';
import {normalisePlatform} from '../../../oci/platform.js';
import {formatReference, parseReference, withDefaultTag} from '../../../oci/reference.js';
import {layerTar} from '../../../snapshot/diff.js';
import {claimBlob, writeBlob} from '../../../store/blobs.js';
import type {Store} from '../../../store/store.js';
import {writeTag} from '../../../store/tags.js';
import type {Output} from '../../driver.js';
import {imageBlobs, imageFiles, tarOf} from './archive.js';
import {type WriteOut, writeStream} from './destination.js';
import type {DescribedImage} from './finished-image.js';
import {writeLayoutDirectory} from './layout-directory.js';
import {copyTree} from './local-directory.js';

/** What the outputs need of the build. */
export interface OutputPlace {
  readonly store: Store;
  /** Snapshots of the image's file system, bottom first: the tag keeps them. */
  readonly snapshots: readonly string[];
  /** The file system of the image in a directory, read-only, for `tar` and `local`; asked for once at most. */
  rootDirectory(): Promise<string>;
  /** The process is root and may give files to others. */
  readonly root: boolean;
  /** SOURCE_DATE_EPOCH, seconds since 1970. */
  readonly epoch?: number | undefined;
  readonly stdout: WriteOut;
}

/**
 * Writes the outputs, side by side, `-` (standard output) once at most. Each file is there whole or not at all. Rejects
 * with USAGE, NO_SPACE or IO; outputs that were complete by then stay.
 */
export async function writeOutputs(
  outputs: readonly Output[],
  image: DescribedImage,
  place: OutputPlace,
  signal: AbortSignal,
): Promise<void> {
  const streamed = outputs.filter(isStreamed);
  if (streamed.length > 1) {
    throw new BuildError('USAGE', `${streamed.length} outputs go to standard output`, {
      remedy: 'Give all but one of them a dest=PATH.',
    });
  }
  let directory: Promise<string> | undefined;
  const shared: OutputPlace = {...place, rootDirectory: () => (directory ??= place.rootDirectory())};
  await mapLimited(outputs, 2, (output, _, either) => writeOutput(output, image, shared, either), signal);
}

/** It goes to standard output. */
export function isStreamed({type, dest, attributes}: Output): boolean {
  if (type === 'image' || type === 'local' || attributes['tar'] === 'false') return false;
  return dest === undefined || dest === '-';
}

async function writeOutput(
  output: Output,
  described: DescribedImage,
  place: OutputPlace,
  signal: AbortSignal,
): Promise<void> {
  const {type, dest, attributes} = output;
  const image = withNames(described, attributes['name']);
  switch (type) {
    case 'image':
      return storeImage(image, place, signal);
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
    default:
      throw new Error(`unreachable: ${String(type satisfies never)}`);
  }
}

/** `name=a,b` of an output stands beside the tags of the build. */
function withNames(image: DescribedImage, names: string | undefined): DescribedImage {
  const more = (names ?? '').split(',').filter((name) => name !== '');
  const all = [...image.tags, ...more].map((name) => formatReference(withDefaultTag(parseReference(name))));
  return {...image, tags: [...new Set(all)]};
}

function needed({type, dest}: Output): string {
  if (dest !== undefined && dest !== '-') return dest;
  throw new BuildError('USAGE', `the output ${type} is a directory and cannot go to standard output`, {
    remedy: 'Give it a dest=PATH.',
  });
}

/** The image's blobs and its tags in the store. */
async function storeImage(image: DescribedImage, place: OutputPlace, signal: AbortSignal): Promise<void> {
  const {store, snapshots, epoch} = place;
  for (const {digest, size, open} of imageBlobs(image)) {
    if (!claimBlob(store, digest)) await writeBlob(store, open(signal), {digest, size});
  }
  const {os, architecture, variant} = image.config;
  const created = (epoch === undefined ? new Date() : new Date(epoch * 1000)).toISOString();
  for (const reference of image.tags) {
    writeTag(store, {
      reference,
      manifestDigest: image.descriptor.digest,
      configDigest: image.configDigest,
      platform: normalisePlatform(os, architecture, variant),
      created,
      snapshots,
    });
  }
}

async function* paced(source: Iterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const {setImmediate} = await import('node:timers/promises');
  for (const chunk of source) {
    signal.throwIfAborted();
    yield chunk;
    await setImmediate();
  }
}
