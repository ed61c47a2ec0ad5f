import {createReadStream} from 'node:fs';
import {oneChunk} from '../../base/one-chunk.js';
import type {DebianBaseImage} from '../../bases/debian.js';
import {digestOf, parseDigest} from '../../oci/digest.js';
import {renderManifest} from '../../oci/manifest.js';
import {mediaTypes} from '../../oci/media-types.js';
import {hostPlatform} from '../../oci/platform.js';
import {fullReference} from '../../oci/reference.js';
import {writeBlob} from '../../store/blobs.js';
import {closeStore, openStore} from '../../store/open.js';
import {readTag, writeTag} from '../../store/tags.js';

/** Whether the store at `root` has an image of this name. */
export function hasImage(root: string, reference: string, signal: AbortSignal): boolean {
  const store = openStore(root, signal);
  try {
    return readTag(store, fullReference(reference)) !== undefined;
  } finally {
    closeStore(store);
  }
}

/** Puts a base image that was made of packages into the store, under its name. Rejects with NO_SPACE, IO. */
export async function importBase(root: string, base: DebianBaseImage, signal: AbortSignal): Promise<void> {
  const store = openStore(root, signal);
  try {
    const digest = parseDigest(base.diffId);
    await writeBlob(store, createReadStream(base.layerPath, {signal}), {digest, size: base.size});
    const config = Buffer.from(JSON.stringify(base.config));
    const configDigest = digestOf(config);
    const manifest = renderManifest({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: {mediaType: mediaTypes.ociConfig, digest: configDigest, size: config.length},
      layers: [{mediaType: mediaTypes.ociLayer, digest, size: base.size}],
    });
    const manifestDigest = digestOf(manifest);
    await writeBlob(store, oneChunk(config), {digest: configDigest, size: config.length});
    await writeBlob(store, oneChunk(manifest), {digest: manifestDigest, size: manifest.length});
    writeTag(store, {
      reference: fullReference(base.reference),
      manifestDigest,
      configDigest,
      platform: hostPlatform(),
      created: new Date().toISOString(),
      snapshots: [],
    });
  } finally {
    closeStore(store);
  }
}
