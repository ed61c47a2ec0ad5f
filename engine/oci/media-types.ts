/** Media types of the OCI image-spec (media-types.md) and of Docker's image manifest version 2, schema 2. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

/** In the order of preference for an `Accept` header. */
export const manifestMediaTypes: readonly string[] = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
];

export type Compression = 'none' | 'gzip' | 'zstd';

const layerCompressions: ReadonlyMap<string, Compression> = new Map(
  Object.entries({
    [mediaTypes.ociLayer]: 'none',
    [mediaTypes.ociLayerGzip]: 'gzip',
    [mediaTypes.ociLayerZstd]: 'zstd',
    [mediaTypes.dockerLayer]: 'none',
    [mediaTypes.dockerLayerGzip]: 'gzip',
    'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
    // Layers that must not be redistributed: the same bytes under another name.
    'application/vnd.oci.image.layer.nondistributable.v1.tar': 'none',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip': 'gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd': 'zstd',
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'gzip',
  } as const),
);

/** What the media type says of a layer's bytes; undefined where it is not a layer (an attestation, an encrypted layer). */
export function layerCompression(mediaType: string): Compression | undefined {
  return layerCompressions.get(mediaType);
}

export function layerMediaType(compression: Compression): string {
  return {none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd}[compression];
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerIndex;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
}
