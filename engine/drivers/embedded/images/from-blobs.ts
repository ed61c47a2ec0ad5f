import {BuildError} from '../../../base/errors.js';
import type {ImageConfig} from '../../../oci/config.js';
import {type Digest, isDigest, verifyBytes, verifyStream} from '../../../oci/digest.js';
import {ociInvalid} from '../../../oci/json.js';
import {type Descriptor, type Manifest, manifestLimit, parseManifest} from '../../../oci/manifest.js';
import {layerCompression} from '../../../oci/media-types.js';
import {configLimit, parseImageConfig} from '../../../oci/parse-config.js';
import type {Platform} from '../../../oci/platform.js';
import {selectManifest} from '../../../oci/select-platform.js';
import type {ImageLayer, ResolvedImage} from './image-source.js';

/** Blobs by digest: a layout's directory, an archive, the store. What it gives is verified by who asks. */
export interface BlobReader {
  /** Whole. Rejects with NOT_FOUND, and with OCI_INVALID above `most` bytes. */
  bytes(digest: Digest, most: number, signal: AbortSignal): Promise<Uint8Array>;
  open(digest: Digest, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

const deepest = 3;

/** The image for `platform` behind a descriptor; `name` is for messages. */
export async function imageFromBlobs(
  blobs: BlobReader,
  top: Pick<Descriptor, 'digest' | 'size' | 'mediaType'>,
  platform: Platform,
  name: string,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  let descriptor = top;
  for (let depth = 0; depth <= deepest; depth++) {
    const bytes = await verified(blobs, descriptor, manifestLimit, `the manifest of ${name}`, signal);
    const found = parseManifest(bytes, descriptor.mediaType === '' ? undefined : descriptor.mediaType);
    if (found.kind === 'manifest') {
      const {manifest} = found;
      const configBytes = await verified(blobs, manifest.config, configLimit, `the configuration of ${name}`, signal);
      const config = parseImageConfig(configBytes);
      return {
        reference: name,
        digest: top.digest,
        manifestDigest: descriptor.digest,
        configDigest: manifest.config.digest,
        config,
        layers: layersOf(name, manifest, config),
        open: (layer, either) =>
          verifyStream(`the layer ${layer.digest} of ${name}`, blobs.open(layer.digest, either), layer),
        fetch: () => Promise.resolve(),
      };
    }
    descriptor = selectManifest(found.index, platform, name);
  }
  throw ociInvalid(`image ${name}`, `indexes within indexes, more than ${deepest} deep`);
}

async function verified(
  blobs: BlobReader,
  {digest, size}: Pick<Descriptor, 'digest' | 'size'>,
  most: number,
  what: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  if (size > most) throw ociInvalid(what, `${size} bytes are more than the ${most} that are read`);
  const bytes = await blobs.bytes(digest, most, signal);
  return verifyBytes(what, bytes, size < 0 ? {digest} : {digest, size});
}

/** Layers with their diff IDs. Throws OCI_INVALID where they do not belong together, or one is no layer. */
export function layersOf(name: string, manifest: Manifest, config: ImageConfig): readonly ImageLayer[] {
  const ids = config.rootfs.diff_ids;
  if (ids.length !== manifest.layers.length) {
    throw ociInvalid(
      `image ${name}`,
      `its manifest has ${manifest.layers.length} layers and its configuration ${ids.length} diff IDs`,
    );
  }
  return manifest.layers.map(({digest, size, mediaType}, index) => {
    const diffId = ids[index] ?? '';
    if (!isDigest(diffId)) throw ociInvalid(`image ${name}`, 'a diff ID is not a sha256 digest');
    if (layerCompression(mediaType) === undefined) {
      throw new BuildError('UNSUPPORTED', `${name} has a layer of the type ${JSON.stringify(mediaType)}`, {
        remedy: 'It is no image that runs: layers are tar, tar+gzip or tar+zstd.',
      });
    }
    return {digest, size, mediaType, diffId};
  });
}
