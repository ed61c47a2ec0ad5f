import type {ImageConfig} from '../../../oci/config.js';
import {type Digest, digestOf} from '../../../oci/digest.js';
import {type Descriptor, type Manifest, renderManifest} from '../../../oci/manifest.js';
import {layerCompression, layerMediaType, mediaTypes} from '../../../oci/media-types.js';
import {renderImageConfig} from '../../../oci/render-config.js';

/** A layer that can be read as often as there are outputs. */
export interface FinishedLayer {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Of the bytes that `open` gives. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly mediaType: string;
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

export interface FinishedImage {
  readonly config: ImageConfig;
  /** The lowest first, one for each diff ID of the configuration. */
  readonly layers: readonly FinishedLayer[];
  /** Full references with their tags. */
  readonly tags: readonly string[];
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** `oci-mediatypes=false`: Docker's media types. */
  readonly docker?: boolean;
}

/** The image with the documents that name its parts. */
export interface DescribedImage extends FinishedImage {
  readonly configBytes: Buffer;
  readonly configDigest: Digest;
  readonly manifestBytes: Buffer;
  /** Of the manifest, with the platform. */
  readonly descriptor: Descriptor;
}

/** Configuration and manifest as bytes, in OCI's media types (or all in Docker's) whatever the base had. Pure: the same image, the same bytes. */
export function describeImage(image: FinishedImage): DescribedImage {
  const {config, annotations, docker = false} = image;
  const manifestType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const ids = config.rootfs.diff_ids;
  if (ids.length !== image.layers.length || image.layers.some(({diffId}, index) => ids[index] !== diffId)) {
    throw new Error('unreachable: the layers are not those of the configuration');
  }
  const configBytes = renderImageConfig(config);
  const configDigest = digestOf(configBytes);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
      digest: configDigest,
      size: configBytes.length,
    },
    layers: image.layers.map(({mediaType, digest, size}) => ({mediaType: layerType(mediaType, docker), digest, size})),
    ...(annotations === undefined || Object.keys(annotations).length === 0 ? {} : {annotations}),
  };
  const manifestBytes = renderManifest(manifest);
  const {os, architecture, variant} = config;
  return {
    ...image,
    configBytes,
    configDigest,
    manifestBytes,
    descriptor: {
      mediaType: manifestType,
      digest: digestOf(manifestBytes),
      size: manifestBytes.length,
      platform: {architecture, os, ...(variant === undefined ? {} : {variant})},
    },
  };
}

/** Docker has no name for zstd: its manifests take OCI's. */
function layerType(mediaType: string, docker: boolean): string {
  const compression = layerCompression(mediaType);
  if (compression === undefined) throw new Error(`unreachable: ${mediaType} is no layer`);
  if (docker && compression !== 'zstd') {
    return compression === 'gzip' ? mediaTypes.dockerLayerGzip : mediaTypes.dockerLayer;
  }
  return layerMediaType(compression);
}
