import {BuildError} from '../../../base/errors.js';
import {oneChunk} from '../../../base/one-chunk.js';
import {type Digest, verifyStream} from '../../../oci/digest.js';
import {normalisePlatform, type Platform, samePlatform} from '../../../oci/platform.js';
import {familiarName, formatReference, type Reference} from '../../../oci/reference.js';
import {compatiblePlatforms} from '../../../oci/select-platform.js';
import type {EventSink} from '../../../progress/events.js';
import type {BlobSink, RegistryClient} from '../../../registry/client.js';
import {claimBlob, hasBlob, readBlob, readBlobBytes, writeBlob} from '../../../store/blobs.js';
import type {Store} from '../../../store/store.js';
import {readTag, writeTag} from '../../../store/tags.js';
import {type BlobReader, imageFromBlobs, layersOf} from './from-blobs.js';
import type {ImageLayer, ResolvedImage} from './image-source.js';

export interface RemoteOptions {
  readonly store: Store;
  readonly registry: RegistryClient;
  readonly events: EventSink;
  /** `--pull`: the registry is asked even where the store has the tag. */
  readonly pull: boolean;
}

/**
 * An image by its reference: the store's tag or manifest first (unless `pull`), then the registry, whose answer is kept
 * with the tag. Where no registry answers, the tag that is in the store is used, and a note says so.
 */
export async function imageByReference(
  reference: Reference,
  platform: Platform,
  options: RemoteOptions,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const {store, registry, events, pull} = options;
  const stored = await imageInStore(reference, platform, options, signal);
  if (stored !== undefined && (!pull || reference.digest !== undefined)) return stored;
  try {
    const found = await registry.resolve(reference, platform, signal);
    const name = formatReference(reference);
    const layers = layersOf(name, found.manifest, found.config);
    await keep(store, found.manifestDigest, found.manifestBytes);
    await keep(store, found.configDigest, found.configBytes);
    const {os, architecture, variant} = found.config;
    writeTag(store, {
      reference: name,
      manifestDigest: found.manifestDigest,
      configDigest: found.configDigest,
      platform: os === '' || architecture === '' ? platform : normalisePlatform(os, architecture, variant),
      created: new Date().toISOString(),
      snapshots: [],
    });
    return {
      reference: name,
      digest: found.digest,
      manifestDigest: found.manifestDigest,
      configDigest: found.configDigest,
      config: found.config,
      layers,
      ...layerAccess(reference, layers, options),
    };
  } catch (error) {
    if (stored === undefined || !(error instanceof BuildError) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
    events.emit({
      type: 'note',
      message: `${familiarName(reference)} is taken from the store as it was: ${error.message}`,
    });
    return stored;
  }
}

/** Undefined where the store has neither the name nor the digest, or another platform than is wanted. */
async function imageInStore(
  reference: Reference,
  platform: Platform,
  options: RemoteOptions,
  signal: AbortSignal,
): Promise<ResolvedImage | undefined> {
  const {store} = options;
  const name = formatReference(reference);
  const tag = readTag(store, name);
  const digest = reference.digest ?? tag?.manifestDigest;
  const named = tag?.manifestDigest ?? digest;
  if (named === undefined || !claimBlob(store, named)) return undefined;
  const blobs: BlobReader = {
    bytes: (blob, most) => Promise.resolve(readBlobBytes(store, blob, most)),
    open: (blob) => readBlob(store, blob),
  };
  let found: ResolvedImage;
  try {
    found = await imageFromBlobs(blobs, {digest: named, size: -1, mediaType: ''}, platform, name, signal);
  } catch (error) {
    // Its manifest or configuration is not (or no longer) here, or damaged: as if there were no tag.
    if (error instanceof BuildError && (error.code === 'NOT_FOUND' || error.code === 'STORE_CORRUPT')) return undefined;
    throw error;
  }
  const {os, architecture, variant} = found.config;
  const runs = compatiblePlatforms(platform).some((one) =>
    samePlatform(one, normalisePlatform(os, architecture, variant)),
  );
  if (!runs && architecture !== '') return undefined;
  const access = layerAccess(reference, found.layers, options);
  return {...found, digest: digest ?? named, ...access};
}

async function keep(store: Store, digest: Digest, bytes: Uint8Array): Promise<void> {
  await writeBlob(store, oneChunk(bytes), {digest, size: bytes.length});
}

function layerAccess(
  reference: Reference,
  layers: readonly ImageLayer[],
  {store, registry}: RemoteOptions,
): Pick<ResolvedImage, 'open' | 'fetch'> {
  const sink: BlobSink = {
    has: (digest) => Promise.resolve(claimBlob(store, digest)),
    async write(digest, size, stream) {
      await writeBlob(store, stream, {digest, size});
    },
  };
  return {
    async *open(layer, signal) {
      if (!hasBlob(store, layer.digest)) await registry.blobs(reference, [layer], sink, signal);
      yield* verifyStream(`the layer ${layer.digest}`, readBlob(store, layer.digest), layer);
    },
    fetch: (signal, wanted = layers, progress) => registry.blobs(reference, wanted, sink, signal, progress),
  };
}
