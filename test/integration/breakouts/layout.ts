import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gzipSync} from 'node:zlib';
import {digestOf, hexOf} from '../../../engine/oci/digest.js';
import {archive} from '../../helpers/archive.js';

type Json = Record<string, unknown>;

export interface LayoutParts {
  /** Uncompressed, lowest first. */
  readonly layers: readonly Buffer[];
  /** Compressed bytes instead of what `layers` gives, by index. */
  readonly blobs?: Readonly<Record<number, Buffer>>;
  readonly config?: Json;
  readonly manifest?: (manifest: Json) => Json;
  readonly index?: (index: Json) => Json;
}

/** A layer that is fine: a few files for the hostile one above it. */
export const fine = archive(
  {name: 'etc/'},
  {name: 'etc/passwd', content: 'root:x:0:0:root:/root:/bin/sh\n'},
  {name: 'dir/'},
  {name: 'dir/inner', content: 'below'},
  {name: 'file', content: 'below'},
);

/** An OCI layout at `directory`, well-formed but for what the parts say. */
export function writeLayout(directory: string, parts: LayoutParts): void {
  const blobs = join(directory, 'blobs/sha256');
  mkdirSync(blobs, {recursive: true});
  const put = (mediaType: string, bytes: Buffer): Json => {
    const digest = digestOf(bytes);
    writeFileSync(join(blobs, hexOf(digest)), bytes);
    return {mediaType, digest, size: bytes.length};
  };
  const layers = parts.layers.map((layer, index) =>
    put('application/vnd.oci.image.layer.v1.tar+gzip', parts.blobs?.[index] ?? gzipSync(layer, {level: 1})),
  );
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === 'x64' ? 'amd64' : process.arch,
        os: 'linux',
        config: {},
        rootfs: {type: 'layers', diff_ids: parts.layers.map((layer) => digestOf(layer))},
        ...parts.config,
      }),
    ),
  );
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const plain: Json = {schemaVersion: 2, mediaType: type, config, layers};
  const manifest = put(type, Buffer.from(JSON.stringify(parts.manifest?.(plain) ?? plain)));
  const index: Json = {schemaVersion: 2, manifests: [manifest]};
  writeFileSync(join(directory, 'index.json'), JSON.stringify(parts.index?.(index) ?? index));
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
}
