import {quote} from '../base/errors.js';
import {type Digest, isDigest} from './digest.js';
import {
  asObject,
  type JsonObject,
  ociInvalid,
  optionalArray,
  optionalInteger,
  optionalObject,
  optionalString,
  optionalStringMap,
  optionalStrings,
  parseJsonObject,
  requiredString,
} from './json.js';
import {isIndexType, isManifestType, mediaTypes} from './media-types.js';
import type {Platform} from './platform.js';

/** Largest manifest or index that is read, bytes: what registries accept. */
export const manifestLimit = 4 * 1024 * 1024;
const mostLayers = 1000;
const mostManifests = 1000;

/** OCI image-spec, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: DescriptorPlatform;
  readonly urls?: readonly string[];
  readonly artifactType?: string;
}

/** `Platform` with what Windows images add. */
export interface DescriptorPlatform extends Platform {
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
}

/** One image (OCI image-spec, manifest.md; Docker's schema 2 has the same shape). */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  /** What it holds, where that is not an image. */
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Several images (OCI image-spec, image-index.md; Docker's manifest list). */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export type ManifestOrIndex =
  {readonly kind: 'manifest'; readonly manifest: Manifest} | {readonly kind: 'index'; readonly index: Index};

/**
 * Parses untrusted bytes. `mediaType` is what the registry or descriptor said; a document that says otherwise of itself is
 * refused, so that the same bytes cannot be read two ways. Throws BuildError OCI_INVALID.
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): ManifestOrIndex {
  const what = 'image manifest';
  const object = parseJsonObject(what, bytes, manifestLimit);
  if (optionalInteger(what, object, 'schemaVersion') !== 2) {
    throw ociInvalid(what, `schemaVersion ${quote(String(object['schemaVersion']))} is not supported, only 2`);
  }
  const own = optionalString(what, object, 'mediaType');
  const said =
    mediaType === undefined || !(isIndexType(mediaType) || isManifestType(mediaType)) ? undefined : mediaType;
  if (own !== undefined && own !== '' && said !== undefined && own !== said) {
    throw ociInvalid(what, `it calls itself ${quote(own)} but came as ${quote(said)}`);
  }
  const hasManifests = Object.hasOwn(object, 'manifests');
  const hasLayers = Object.hasOwn(object, 'layers') || Object.hasOwn(object, 'config');
  if (hasManifests && hasLayers) throw ociInvalid(what, 'it is an index and an image at once');
  const type = (own === '' ? undefined : own) ?? said ?? (hasManifests ? mediaTypes.ociIndex : mediaTypes.ociManifest);
  if (isIndexType(type)) return {kind: 'index', index: indexOf(object, type)};
  if (isManifestType(type)) return {kind: 'manifest', manifest: manifestOf(object, type)};
  throw ociInvalid(what, `the media type ${quote(type)} is not supported`);
}

function manifestOf(object: JsonObject, mediaType: string): Manifest {
  const what = 'image manifest';
  const layers = optionalArray(what, object, 'layers', mostLayers);
  if (layers === undefined) throw ociInvalid(what, '"layers" is missing');
  const annotations = optionalStringMap(what, object, 'annotations');
  return {
    schemaVersion: 2,
    mediaType,
    config: descriptorOf(what, 'config', object['config']),
    layers: layers.map((layer, index) => descriptorOf(what, `layers[${index}]`, layer)),
    ...(annotations === undefined ? {} : {annotations}),
  };
}

function indexOf(object: JsonObject, mediaType: string): Index {
  const what = 'image index';
  const annotations = optionalStringMap(what, object, 'annotations');
  const manifests = optionalArray(what, object, 'manifests', mostManifests) ?? [];
  return {
    schemaVersion: 2,
    mediaType,
    manifests: manifests.map((item, index) => descriptorOf(what, `manifests[${index}]`, item)),
    ...(annotations === undefined ? {} : {annotations}),
  };
}

/** Throws BuildError OCI_INVALID naming `field` of `what`. */
export function descriptorOf(what: string, field: string, value: unknown): Descriptor {
  const inner = `${what} (${field})`;
  const object = asObject(what, field, value);
  const digest = requiredString(inner, object, 'digest');
  if (!isDigest(digest)) throw ociInvalid(inner, `${quote(digest)} is not a sha256 digest`);
  const size = optionalInteger(inner, object, 'size');
  if (size === undefined || size < 0) throw ociInvalid(inner, '"size" is missing or negative');
  const annotations = optionalStringMap(inner, object, 'annotations');
  const platform = optionalObject(inner, object, 'platform');
  const urls = optionalStrings(inner, object, 'urls', 100);
  const artifactType = optionalString(inner, object, 'artifactType');
  return {
    mediaType: requiredString(inner, object, 'mediaType'),
    digest,
    size,
    ...(annotations === undefined ? {} : {annotations}),
    ...(platform === undefined ? {} : {platform: platformOf(inner, platform)}),
    ...(urls === undefined ? {} : {urls}),
    ...(artifactType === undefined ? {} : {artifactType}),
  };
}

function platformOf(what: string, object: JsonObject): DescriptorPlatform {
  const variant = optionalString(what, object, 'variant');
  const version = optionalString(what, object, 'os.version');
  const features = optionalStrings(what, object, 'os.features', 100);
  return {
    os: optionalString(what, object, 'os') ?? '',
    architecture: optionalString(what, object, 'architecture') ?? '',
    ...(variant === undefined || variant === '' ? {} : {variant}),
    ...(version === undefined ? {} : {'os.version': version}),
    ...(features === undefined ? {} : {'os.features': features}),
  };
}

/** The bytes of a manifest or index, indented by two spaces as BuildKit and Docker write them. */
export function renderManifest(document: Manifest | Index): Buffer {
  return Buffer.from(JSON.stringify(document, undefined, 2));
}
