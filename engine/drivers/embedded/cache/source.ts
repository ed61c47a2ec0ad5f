import {BuildError, quote} from '../../../base/errors.js';
import {type Digest, isDigest, parseDigest, verifyBytes, verifyStream} from '../../../oci/digest.js';
import {ociInvalid, optionalString, parseJsonObject} from '../../../oci/json.js';
import {type Descriptor, manifestLimit, type Manifest, parseManifest} from '../../../oci/manifest.js';
import {layerCompression} from '../../../oci/media-types.js';
import {configLimit, parseImageConfig} from '../../../oci/parse-config.js';
import type {Platform} from '../../../oci/platform.js';
import {parseReference, withDefaultTag} from '../../../oci/reference.js';
import {selectManifest} from '../../../oci/select-platform.js';
import type {RegistryClient} from '../../../registry/client.js';
import type {LayerRecord} from '../../../store/step-record.js';
import type {CacheSpec} from '../../driver.js';
import {cacheName} from './check-caches.js';
import {layoutBlobs, layoutEntry} from '../images/layout-image.js';
import {
  type CacheDocument,
  cacheTypes,
  documentLimit,
  inlineField,
  layerAnnotations,
  parseDocument,
} from './document.js';

/** A layer of a cache, and the level it was compressed at where that was asked for. */
export interface CachedLayer extends LayerRecord {
  readonly level?: number;
}

/** A cache that can be read. Its layers are still there where it is. */
export interface CacheSource {
  readonly name: string;
  readonly document: CacheDocument;
  readonly layers: ReadonlyMap<Digest, CachedLayer>;
  /** Verified by the layer's digest, so not to be trusted before the iteration has ended. */
  open(layer: LayerRecord, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Where manifests and blobs of one cache come from; what it gives is verified here. */
interface Place {
  manifest(signal: AbortSignal): Promise<{readonly bytes: Uint8Array; readonly mediaType: string}>;
  open(blob: Pick<Descriptor, 'digest' | 'size'>, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Reads the document of a cache, and no layer. Rejects with NOT_FOUND, OCI_INVALID, DIGEST_MISMATCH, UNSUPPORTED where it
 * is no cache of build-image, or as a registry fails.
 */
export async function openCacheSource(
  spec: CacheSpec,
  registry: RegistryClient,
  platform: Platform,
  signal: AbortSignal,
): Promise<CacheSource> {
  const place = spec.type === 'local' ? localPlace(spec) : registryPlace(spec, registry);
  let {bytes, mediaType} = await place.manifest(signal);
  let found = parseManifest(bytes, mediaType);
  if (found.kind === 'index') {
    const {manifests} = found.index;
    if (manifests.some((each) => each.mediaType.includes('buildkit.cacheconfig'))) throw foreign('BuildKit');
    const chosen = selectManifest(found.index, platform, cacheName(spec));
    bytes = await whole(place, chosen, manifestLimit, 'a manifest', signal);
    ({mediaType} = chosen);
    found = parseManifest(bytes, mediaType);
  }
  if (found.kind === 'index') throw ociInvalid('build cache', 'an index within an index');
  const {manifest} = found;
  const inline = manifest.config.mediaType !== cacheTypes.config;
  if (manifest.config.mediaType.includes('buildkit.cacheconfig')) throw foreign('BuildKit');
  const config = await whole(place, manifest.config, inline ? configLimit : documentLimit, 'its document', signal);
  const document = inline ? inlineDocument(config) : parseDocument(config);
  const ids = inline ? parseImageConfig(config).rootfs.diff_ids : manifest.layers.map(diffIdOf);
  return {
    name: cacheName(spec),
    document,
    layers: layersOf(manifest, ids),
    open: (layer, either) => verifyStream(`the layer ${layer.digest}`, place.open(layer, either), layer),
  };
}

const diffIdOf = ({annotations}: Descriptor): string => annotations?.[layerAnnotations.diffId] ?? '';

function layersOf({layers}: Manifest, ids: readonly string[]): ReadonlyMap<Digest, CachedLayer> {
  if (ids.length !== layers.length)
    throw ociInvalid('build cache', `${layers.length} layers and ${ids.length} diff IDs`);
  return new Map(
    layers.map(({mediaType, digest, size, annotations}, index) => {
      const diffId = ids[index] ?? '';
      if (!isDigest(diffId)) throw ociInvalid('build cache', 'a layer has no diff ID');
      if (layerCompression(mediaType) === undefined)
        throw ociInvalid('build cache', `a layer has the media type ${quote(mediaType)}`);
      const level = /^\d{1,2}$/.exec(annotations?.[layerAnnotations.level] ?? '')?.[0];
      return [diffId, {diffId, digest, size, mediaType, ...(level !== undefined && {level: Number(level)})}];
    }),
  );
}

function inlineDocument(config: Uint8Array): CacheDocument {
  const object = parseJsonObject('image configuration', config, configLimit);
  const text = optionalString('image configuration', object, inlineField);
  if (text === undefined) throw foreign(undefined, Object.hasOwn(object, 'moby.buildkit.cache.v0'));
  return parseDocument(Buffer.from(text, 'base64'));
}

function foreign(whose: 'BuildKit' | undefined, buildkit = false): BuildError {
  return new BuildError(
    'UNSUPPORTED',
    whose !== undefined || buildkit ? 'it is a cache of BuildKit' : 'the image has no cache in it',
    {remedy: 'Write one with build-image and --cache-to.'},
  );
}

async function whole(
  place: Place,
  blob: Pick<Descriptor, 'digest' | 'size'>,
  most: number,
  name: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const {digest, size} = blob;
  if (size > most) throw ociInvalid('build cache', `${name} has ${size} bytes, more than the ${most} that are read`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of verifyStream(name, place.open(blob, signal), {digest, size})) chunks.push(chunk);
  return verifyBytes(name, Buffer.concat(chunks), {digest, size});
}

function registryPlace({attributes}: CacheSpec, registry: RegistryClient): Place {
  const reference = withDefaultTag(parseReference(attributes['ref'] ?? ''));
  const {domain, path} = reference;
  return {
    manifest: (signal) => registry.manifest(reference, signal),
    async *open(blob, signal) {
      if (isManifest(blob)) {
        yield (await registry.manifest({domain, path, digest: blob.digest}, signal)).bytes;
      } else yield* registry.blob(reference, blob, signal);
    },
  };
}

/** A manifest of an index is no blob of a registry. */
const isManifest = (blob: Partial<Descriptor>): boolean =>
  blob.mediaType !== undefined && /image\.manifest|distribution\.manifest/.test(blob.mediaType);

function localPlace({attributes}: CacheSpec): Place {
  const path = attributes['src'] ?? '';
  const blobs = layoutBlobs(path);
  const {tag, digest} = attributes;
  return {
    async manifest(signal) {
      const selector = {...(digest !== undefined && {digest: parseDigest(digest)}), ...(tag !== undefined && {tag})};
      const entry = await layoutEntry(path, selector, signal);
      return {
        bytes: await whole(this, await sized(entry, blobs, signal), manifestLimit, 'its manifest', signal),
        mediaType: entry.mediaType,
      };
    },
    open: (blob, signal) => blobs.open(blob.digest, signal),
  };
}

/** A digest that the user gave has no size. */
async function sized(
  entry: Descriptor,
  blobs: ReturnType<typeof layoutBlobs>,
  signal: AbortSignal,
): Promise<Pick<Descriptor, 'digest' | 'size'>> {
  if (entry.size >= 0) return entry;
  return {digest: entry.digest, size: (await blobs.bytes(entry.digest, manifestLimit, signal)).length};
}
