import {rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {digestOf, hexOf} from '../../engine/oci/digest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import {archive} from '../helpers/archive.js';
import {checkout} from '../helpers/delivery.js';
import {pushImage} from '../helpers/image.js';
import {hasRegistry, startRegistry} from '../helpers/registry.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const accept = 'application/vnd.oci.image.index.v1+json';

test('a layer that the store has lost is taken from a mirror when its image is delivered, compared or saved', async (t) => {
  if (!hasRegistry(t) || !available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const [mirror, target] = [await startRegistry(t), await startRegistry(t)];
  const tar = archive({name: 'base', content: 'base\n'});
  const layer = gzipSync(tar);
  const platform = {architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux'};
  const config = Buffer.from(
    JSON.stringify({...platform, config: {}, rootfs: {type: 'layers', diff_ids: [digestOf(tar)]}}),
  );
  const descriptor = (mediaType: string, bytes: Uint8Array) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  await pushImage(mirror, 'base', '1', {
    config,
    layers: [layer],
    manifest: {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: descriptor(mediaTypes.ociConfig, config),
      layers: [descriptor(mediaTypes.ociLayerGzip, layer)],
    },
  });
  const work = checkout(t, 10);
  // A name that no resolver has: whatever is read under it comes from the mirror.
  const base = 'origin.mirrored.test/base:1';
  writeFileSync(join(work.directory, 'Dockerfile'), `FROM ${base}\nCOPY file /file\n`);
  const environment = {BUILD_IMAGE_REGISTRY_MIRRORS: `origin.mirrored.test=http://${mirror}`};
  const build = ['build', '--driver', 'embedded', '--no-artifacts', '--progress', 'plain', '.'];
  const built = await work.cli(build, environment);
  t.is(built.status, 0, built.stderr);

  const lose = (): void => {
    rmSync(join(work.store, 'blobs/sha256', hexOf(digestOf(layer))));
    rmSync(join(work.store, 'layers'), {recursive: true, force: true});
  };
  for (const args of [
    ['deliver', '--driver', 'embedded', '--image', base, '--registry', target],
    ['diff', '--driver', 'embedded', base, base],
    ['save', base, '--output', 'base.tar'],
  ]) {
    lose();
    const alone = await work.cli(args);
    t.not(alone.status, 0, `${args[0] ?? ''} has nowhere to take the layer from`);
    const run = await work.cli(args, environment);
    t.is(run.status, 0, run.stderr);
    if (args[0] === 'deliver')
      t.true((await fetch(`http://${target}/v2/base/manifests/latest`, {headers: {accept}})).ok);
  }
});
