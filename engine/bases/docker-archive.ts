import {createHash} from 'node:crypto';
import {createReadStream, createWriteStream} from 'node:fs';
import {rename, rm} from 'node:fs/promises';
import {pipeline} from 'node:stream/promises';
import type {Pack} from 'tar-stream';
import {hostPlatform} from '../oci/platform.js';
import type {DebianBaseImage} from './debian.js';

const configType = 'application/vnd.oci.image.config.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes an archive that `docker load` takes and that is an OCI image layout (image-spec, image-layout.md) too. The same
 * base gives the same bytes. Written beside `path` and renamed. Rejects with the signal's reason when aborted.
 */
export async function writeDockerArchive(base: DebianBaseImage, path: string, signal: AbortSignal): Promise<void> {
  const {pack} = await import('tar-stream');
  const archive = pack();
  const temporary = `${path}.${process.pid}.part`;
  try {
    await Promise.all([
      pipeline(archive, createWriteStream(temporary, {flush: true}), {signal}),
      fill(archive, base, signal).catch((error: unknown) => archive.destroy(error as Error)),
    ]);
    await rename(temporary, path);
  } finally {
    await rm(temporary, {force: true});
  }
}

async function fill(archive: Pack, base: DebianBaseImage, signal: AbortSignal): Promise<void> {
  const mtime = new Date(base.created);
  const put = (name: string, content: string) => archive.entry({name, mtime}, content);
  const putBlob = (mediaType: string, content: string): Blob => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    put(blobPath(digest), content);
    return {mediaType, digest, size: Buffer.byteLength(content)};
  };
  const config = putBlob(configType, JSON.stringify(base.config));
  const layer: Blob = {mediaType: layerType, digest: base.diffId, size: base.size};
  await pipeline(
    createReadStream(base.layerPath),
    archive.entry({name: blobPath(layer.digest), mtime, size: layer.size}),
    {
      signal,
    },
  );
  const manifest = putBlob(
    manifestType,
    JSON.stringify({schemaVersion: 2, mediaType: manifestType, config, layers: [layer]}),
  );
  const {architecture, os, variant} = hostPlatform();
  const platform = {architecture, os, ...(variant === undefined ? {} : {variant})};
  const annotations = {'org.opencontainers.image.ref.name': base.reference};
  put('oci-layout', JSON.stringify({imageLayoutVersion: '1.0.0'}));
  put(
    'index.json',
    JSON.stringify({schemaVersion: 2, mediaType: indexType, manifests: [{...manifest, platform, annotations}]}),
  );
  put(
    'manifest.json',
    JSON.stringify([{Config: blobPath(config.digest), RepoTags: [base.reference], Layers: [blobPath(layer.digest)]}]),
  );
  archive.finalize();
}

const blobPath = (digest: string) => `blobs/${digest.replace(':', '/')}`;
