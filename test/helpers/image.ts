import {createHash, randomBytes} from 'node:crypto';
import {gzipSync} from 'node:zlib';
import {digestOf, type Digest} from '../../engine/oci/digest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import type {Manifest} from '../../engine/oci/manifest.js';
import {pushBlob, pushManifest, type PushOptions} from './registry.js';

export interface SampleImage {
  readonly manifest: Manifest;
  readonly config: Buffer;
  /** Compressed. */
  readonly layers: readonly Buffer[];
}

/** An image of `count` layers of `size` random bytes each, gzip-compressed; the layers are no archives. */
export function sampleImage(count = 2, size = 1000, more: Readonly<Record<string, unknown>> = {}): SampleImage {
  const contents = Array.from({length: count}, () => randomBytes(size));
  const layers = contents.map((content) => gzipSync(content, {level: 1}));
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {Env: ['A=b']},
      rootfs: {type: 'layers', diff_ids: contents.map((content) => digestOf(content))},
      ...more,
    }),
  );
  return {
    config,
    layers,
    manifest: {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: {mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.length},
      layers: layers.map((layer) => ({
        mediaType: mediaTypes.ociLayerGzip,
        digest: digestOf(layer),
        size: layer.length,
      })),
    },
  };
}

/** Puts an image into a registry under a tag; gives its digest. */
export async function pushImage(
  host: string,
  repository: string,
  tag: string,
  image: SampleImage,
  options: PushOptions = {},
): Promise<{readonly digest: Digest; readonly size: number}> {
  for (const blob of [image.config, ...image.layers]) await pushBlob(host, repository, blob, options);
  return pushManifest(host, repository, tag, image.manifest, options);
}

export async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function sha256Hex(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
