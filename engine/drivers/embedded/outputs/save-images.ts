import {BuildError} from '../../../base/errors.js';
import {createHasher, type Digest} from '../../../oci/digest.js';
import {manifestLimit, parseManifest} from '../../../oci/manifest.js';
import {layerCompression} from '../../../oci/media-types.js';
import {configLimit, parseImageConfig} from '../../../oci/parse-config.js';
import {familiarName, parseReference} from '../../../oci/reference.js';
import {claimBlob, readBlob, readBlobBytes} from '../../../store/blobs.js';
import {forgetSnapshot} from '../../../store/forget-snapshot.js';
import {chainIdOf, readChain} from '../../../store/layers.js';
import type {Store} from '../../../store/store.js';
import type {Tag} from '../../../store/tags.js';
import {layerTar} from '../../../snapshot/diff.js';
import {damagedFiles} from '../damaged-layers.js';
import {layersOf} from '../images/from-blobs.js';
import {createImageSource, type SourceOptions} from '../images/open-source.js';
import {layerAsUser} from '../read-tree-as-user.js';
import {snapshotLayer, stepDiffOptions} from '../step-layers.js';
import {imageFiles, type LayoutFile} from './archive.js';
import type {DescribedImage, FinishedLayer} from './finished-image.js';

export interface SaveOptions extends Pick<SourceOptions, 'credentials' | 'events' | 'mirrors' | 'insecure'> {
  readonly store: Store;
  /** The store's files are those of an ordinary user's namespace. */
  readonly rootless: boolean;
  /** With the `manifest.json` that `docker load` reads. */
  readonly docker: boolean;
}

/**
 * The files of an archive of the store's images: manifests and configurations as the store has them, so that the digests
 * stay. Layers that steps made are written out of their files. Rejects with NOT_FOUND or STORE_CORRUPT.
 */
export async function savedFiles(
  tags: readonly Tag[],
  options: SaveOptions,
  signal: AbortSignal,
): Promise<readonly LayoutFile[]> {
  const byDigest = new Map<Digest, {readonly tag: Tag; readonly names: string[]}>();
  for (const tag of tags) {
    const known = byDigest.get(tag.manifestDigest) ?? {tag, names: []};
    if (!known.names.includes(tag.reference)) known.names.push(tag.reference);
    byDigest.set(tag.manifestDigest, known);
  }
  const images: DescribedImage[] = [];
  for (const {tag, names} of byDigest.values()) images.push(await describedTag(tag, names, options, signal));
  return imageFiles(images, options.docker);
}

async function describedTag(
  tag: Tag,
  names: readonly string[],
  options: SaveOptions,
  signal: AbortSignal,
): Promise<DescribedImage> {
  const {store} = options;
  const name = familiarName(parseReference(tag.reference));
  const manifestBytes = readBlobBytes(store, tag.manifestDigest, manifestLimit);
  const configBytes = readBlobBytes(store, tag.configDigest, configLimit);
  const found = parseManifest(manifestBytes);
  if (found.kind !== 'manifest') throw new BuildError('STORE_CORRUPT', `${name} is an index, not an image`);
  const {manifest} = found;
  const config = parseImageConfig(configBytes);
  const {os, architecture, variant} = tag.platform;
  let chainId: Digest | undefined;
  const snapshots: string[] = [];
  const layers: FinishedLayer[] = [];
  for (const layer of layersOf(name, manifest, config)) {
    chainId = chainIdOf(chainId, layer.diffId);
    layers.push({...layer, open: await opener(layer, chainId, tag, snapshots, options, signal)});
  }
  return {
    config,
    layers,
    tags: names,
    configBytes,
    configDigest: tag.configDigest,
    manifestBytes,
    descriptor: {
      mediaType: manifest.mediaType,
      digest: tag.manifestDigest,
      size: manifestBytes.length,
      platform: {architecture, os, ...(variant === undefined ? {} : {variant})},
    },
  };
}

/** From its blob; else from the files, where a step made it (its snapshot is added to `snapshots`); else from its registry. */
async function opener(
  layer: Omit<FinishedLayer, 'open'>,
  chainId: Digest,
  tag: Tag,
  snapshots: string[],
  options: SaveOptions,
  signal: AbortSignal,
): Promise<FinishedLayer['open']> {
  const {store, rootless} = options;
  if (claimBlob(store, layer.digest)) return () => readBlob(store, layer.digest);
  const snapshot = layerCompression(layer.mediaType) === 'none' ? readChain(store, chainId) : undefined;
  const made = snapshot === undefined ? undefined : snapshotLayer(store, snapshot);
  if (made !== undefined) {
    snapshots.push(made.snapshot);
    const form = {rootless, clamp: undefined, readable: true};
    const diff = await stepDiffOptions(store, made, form);
    return (either) => checked(store, snapshots, layer, rootless ? layerAsUser(diff, either) : layerTar(diff));
  }
  const images = createImageSource({...options, pull: false, directory: '/'});
  try {
    const image = await images.resolve(tag.reference, tag.platform, signal);
    await image.fetch(
      signal,
      image.layers.filter(({digest}) => digest === layer.digest),
    );
  } finally {
    await images.close();
  }
  return () => readBlob(store, layer.digest);
}

async function* checked(
  store: Store,
  snapshots: readonly string[],
  {digest, size}: Pick<FinishedLayer, 'digest' | 'size'>,
  tar: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hasher = createHasher();
  for await (const chunk of tar) {
    hasher.update(chunk);
    // What is too long is never written.
    if (hasher.size <= size) yield chunk;
  }
  if (hasher.size === size && hasher.digest() === digest) return;
  // What one is, the others of the image are most likely too.
  for (const id of snapshots) forgetSnapshot(store, id);
  throw damagedFiles();
}
