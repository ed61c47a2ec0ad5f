import {stat} from 'node:fs/promises';
import {BuildError, messageOf} from '../../../base/errors.js';
import {oneChunk} from '../../../base/one-chunk.js';
import {createHasher, digestOf, type Digest} from '../../../oci/digest.js';
import {checkLayoutFile, indexFile, layoutFile, layoutFullNames, parseLayoutIndex} from '../../../oci/layout.js';
import {type Descriptor, manifestLimit, renderManifest} from '../../../oci/manifest.js';
import {layerCompression, mediaTypes} from '../../../oci/media-types.js';
import {configLimit} from '../../../oci/parse-config.js';
import {hostPlatform, normalisePlatform, type Platform} from '../../../oci/platform.js';
import {fullReference} from '../../../oci/reference.js';
import {decompress} from '../../../snapshot/decompress.js';
import {archiveError} from '../../../snapshot/tar-header.js';
import {readBlob, writeBlob} from '../../../store/blobs.js';
import type {Store} from '../../../store/store.js';
import {type Tag, writeTag} from '../../../store/tags.js';
import {withArchive} from './archive-input.js';
import type {ArchiveFile} from './archive-file.js';
import {archiveBlobs, savedImages} from './archive-image.js';
import {type BlobReader, imageFromBlobs} from './from-blobs.js';
import type {ImageLayer, ResolvedImage} from './image-source.js';
import {layoutBlobs, layoutIndex} from './layout-image.js';

/** An image that has come into the store. */
export interface LoadedImage {
  readonly references: readonly string[];
  readonly manifestDigest: Digest;
  readonly configDigest: Digest;
}

export interface LoadOptions {
  /** The file or directory, or what standard input has. */
  readonly input: string | AsyncIterable<Uint8Array>;
  /** For messages. */
  readonly name: string;
  /** Instead of the names in the archive, where it has one image. */
  readonly tags: readonly string[];
  /** Which image of an index. */
  readonly platform: Platform;
}

interface Found {
  readonly names: readonly string[];
  readonly image: ResolvedImage;
  readonly config: Uint8Array;
  /** Undefined: the archive has none. */
  readonly manifest: Uint8Array | undefined;
}

/**
 * Puts every image of an archive (`docker save`, OCI layout; also compressed) or of a layout's directory into the store,
 * with its names: all of them, or none where one is damaged. Rejects with OCI_INVALID, ARCHIVE_INVALID, DIGEST_MISMATCH,
 * NOT_FOUND; USAGE for an image without a name.
 */
export async function loadImages(
  store: Store,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<readonly LoadedImage[]> {
  const {input, name} = options;
  try {
    if (typeof input === 'string' && (await isDirectory(input))) {
      const {manifests} = await layoutIndex(input, signal);
      return await keepAll(store, await fromIndex(manifests, layoutBlobs(input), options, signal), options, signal);
    }
    return await withArchive(store, input, signal, async (archive) =>
      keepAll(store, await fromArchive(archive, options, signal), options, signal),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw archiveError(`${name} cannot be loaded`, error);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    throw new BuildError('NOT_FOUND', `cannot read ${path}: ${messageOf(error)}`, {cause: error});
  }
}

async function fromArchive(archive: ArchiveFile, options: LoadOptions, signal: AbortSignal): Promise<readonly Found[]> {
  const [layout, index] = [archive.find(layoutFile), archive.find(indexFile)];
  if (layout === undefined || index === undefined) {
    const saved = await savedImages({...archive, path: options.name}, signal);
    return saved.map(({names, image, configBytes}) => ({names, image, config: configBytes, manifest: undefined}));
  }
  checkLayoutFile(await archive.read(layout, 4096));
  const {manifests} = parseLayoutIndex(await archive.read(index, manifestLimit));
  return fromIndex(manifests, archiveBlobs({...archive, path: options.name}), options, signal);
}

/** One image for each digest, with all its names. */
async function fromIndex(
  entries: readonly Descriptor[],
  blobs: BlobReader,
  {name, platform}: LoadOptions,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const byDigest = new Map<Digest, {readonly entry: Descriptor; readonly names: string[]}>();
  for (const entry of entries) {
    const known = byDigest.get(entry.digest) ?? {entry, names: []};
    known.names.push(...layoutFullNames(entry));
    byDigest.set(entry.digest, known);
  }
  const found: Found[] = [];
  for (const {entry, names} of byDigest.values()) {
    const image = await imageFromBlobs(blobs, entry, platform, name, signal);
    const manifest = await blobs.bytes(image.manifestDigest ?? entry.digest, manifestLimit, signal);
    const config = await blobs.bytes(image.configDigest ?? entry.digest, configLimit, signal);
    found.push({names, image, config, manifest});
  }
  return found;
}

/** Names come last, when everything is there. */
async function keepAll(
  store: Store,
  found: readonly Found[],
  {name, tags}: LoadOptions,
  signal: AbortSignal,
): Promise<readonly LoadedImage[]> {
  if (found.length === 0) throw new BuildError('OCI_INVALID', `${name} has no image in it`);
  const [only, second] = found;
  if (tags.length > 0 && second !== undefined) {
    throw new BuildError('USAGE', `${name} has ${found.length} images: one name cannot be that of all of them`);
  }
  const named = (tags.length > 0 && only !== undefined ? [{...only, names: tags}] : found).map((each) => ({
    ...each,
    names: [...new Set(each.names.map(fullReference))],
  }));
  if (named.some((each) => each.names.length === 0)) {
    throw new BuildError('USAGE', `${name} has an image without a name`, {remedy: 'Give it one: --tag NAME:TAG.'});
  }
  const kept: (LoadedImage & {readonly platform: Platform})[] = [];
  for (const each of named) {
    kept.push({references: each.names, platform: platformOf(each.image), ...(await keep(store, each, name, signal))});
  }
  signal.throwIfAborted();
  for (const {references, ...image} of kept) {
    for (const reference of references) {
      const created = new Date().toISOString();
      writeTag(store, {reference, ...image, created, snapshots: []});
    }
  }
  return kept.map(({references, manifestDigest, configDigest}) => ({references, manifestDigest, configDigest}));
}

async function keep(
  store: Store,
  {image, config, manifest}: Found,
  name: string,
  signal: AbortSignal,
): Promise<Pick<Tag, 'manifestDigest' | 'configDigest'>> {
  for (const layer of image.layers) await keepLayer(store, image, layer, name, signal);
  const configDigest = digestOf(config);
  const bytes =
    manifest ??
    renderManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: {mediaType: mediaTypes.ociConfig, digest: configDigest, size: config.length},
      layers: image.layers.map(({mediaType, digest, size}) => ({mediaType, digest, size})),
    });
  const manifestDigest = digestOf(bytes);
  await writeBlob(store, oneChunk(config), {digest: configDigest, size: config.length});
  await writeBlob(store, oneChunk(bytes), {digest: manifestDigest, size: bytes.length});
  return {manifestDigest, configDigest};
}

/** Checked here: a layer that is not the configuration's would be noticed no sooner than in a build. */
async function keepLayer(
  store: Store,
  image: ResolvedImage,
  layer: ImageLayer,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const {digest, size, mediaType, diffId} = layer;
  await writeBlob(store, image.open(layer, signal), {digest, size});
  const compression = layerCompression(mediaType) ?? 'none';
  if (compression === 'none' && digest === diffId) return;
  const hasher = createHasher();
  for await (const chunk of decompress(readBlob(store, digest), compression, signal)) hasher.update(chunk);
  if (hasher.digest() === diffId) return;
  throw new BuildError('DIGEST_MISMATCH', `${name}: the layer ${digest} is not what the image's configuration says`);
}

function platformOf({config: {os, architecture, variant}}: ResolvedImage): Platform {
  return os === '' || architecture === '' ? hostPlatform() : normalisePlatform(os, architecture, variant);
}
