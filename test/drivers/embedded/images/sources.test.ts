import {execFileSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gunzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {createImageSource, type SourceOptions} from '../../../../engine/drivers/embedded/images/open-source.js';
import type {ImageSource} from '../../../../engine/drivers/embedded/images/image-source.js';
import {digestOf} from '../../../../engine/oci/digest.js';
import {blobPath} from '../../../../engine/oci/layout.js';
import {closeStore, openStore} from '../../../../engine/store/open.js';
import {readTag} from '../../../../engine/store/tags.js';
import {collectEvents} from '../../../helpers/build.js';
import {bytesOf, pushImage, sampleImage} from '../../../helpers/image.js';
import {hasRegistry, recordingProxy, startRegistry} from '../../../helpers/registry.js';
import {available} from '../../../helpers/requirement.js';
import {temporaryDirectory} from '../../../helpers/temporary.js';

const signal = new AbortController().signal;
const amd64 = {os: 'linux', architecture: 'amd64'};

function sourceIn(t: ExecutionContext, root: string, more: Partial<SourceOptions> = {}) {
  const store = openStore(root, signal);
  const events = collectEvents();
  const source = createImageSource({
    store,
    events,
    pull: false,
    directory: root,
    credentials: () => Promise.resolve(undefined),
    backOff: 5,
    ...more,
  });
  t.teardown(async () => {
    await source.close();
    closeStore(store);
  });
  return {source, store, events};
}

async function layersOf(source: ImageSource, reference: string): Promise<readonly Buffer[]> {
  const image = await source.resolve(reference, amd64, signal);
  return Promise.all(image.layers.map((layer) => bytesOf(image.open(layer, signal))));
}

const hasSkopeo = (t: ExecutionContext) =>
  available(t, existsSync('/usr/bin/skopeo'), '/usr/bin/skopeo (package skopeo)');
const skopeo = (...args: readonly string[]) =>
  execFileSync('/usr/bin/skopeo', ['--insecure-policy', ...args], {stdio: ['ignore', 'pipe', 'pipe']});

test('an image is pulled once; then the store answers, also when the registry is gone', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const image = sampleImage(3);
  const {digest} = await pushImage(host, 'app', 'v1', image);
  const proxy = await recordingProxy(t, host);
  const root = temporaryDirectory(t);
  const {source, store} = sourceIn(t, root);
  const name = `${proxy.host}/app:v1`;
  const first = await source.resolve(name, amd64, signal);
  t.is(first.manifestDigest, digest);
  await first.fetch(signal);
  t.deepEqual(await layersOf(source, name), image.layers);
  t.is(readTag(store, name)?.manifestDigest, digest);
  t.is(proxy.requests.length, 5);
  const other = sourceIn(t, root, {pull: true});
  t.deepEqual(await layersOf(other.source, name), image.layers);
  t.is(proxy.requests.length, 7, 'with pull the metadata is asked for, no layer');
});

test('with pull, a registry that does not answer leaves the tag of the store, and a note', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const image = sampleImage(1);
  await pushImage(host, 'app', 'latest', image);
  let gone = false;
  const proxy = await recordingProxy(t, host, (_, response) => {
    if (gone) response.destroy();
    return gone;
  });
  const root = temporaryDirectory(t);
  const name = `${proxy.host}/app`;
  t.deepEqual(await layersOf(sourceIn(t, root).source, name), image.layers);
  gone = true;
  const {source, events} = sourceIn(t, root, {pull: true, retries: 1});
  t.deepEqual(await layersOf(source, name), image.layers);
  t.is(events.events.filter(({type}) => type === 'note').length, 1);
  const missing = source.resolve(`${proxy.host}/other`, amd64, signal);
  await t.throwsAsync(missing, {code: 'REGISTRY_UNREACHABLE'});
});

test('a tag of another platform in the store is not used', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  await pushImage(host, 'app', 'latest', sampleImage(1));
  const {source} = sourceIn(t, temporaryDirectory(t));
  await source.resolve(`${host}/app`, amd64, signal);
  const arm = sampleImage(1, 10, {architecture: 'arm64'});
  const {digest} = await pushImage(host, 'app', 'latest', arm);
  const found = await source.resolve(`${host}/app`, {os: 'linux', architecture: 'arm64'}, signal);
  t.is(found.manifestDigest, digest);
});

test('what is damaged in the store is fetched again', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const image = sampleImage(1);
  const {digest} = await pushImage(host, 'app', 'latest', image);
  const root = temporaryDirectory(t);
  const {source} = sourceIn(t, root);
  t.deepEqual(await layersOf(source, `${host}/app`), image.layers);
  writeFileSync(join(root, blobPath(digest)), 'damaged');
  const layer = image.manifest.layers[0];
  if (layer === undefined) throw new Error('no layer');
  rmSync(join(root, blobPath(layer.digest)));
  t.deepEqual(await layersOf(sourceIn(t, root).source, `${host}/app`), image.layers);
});

test('an OCI layout and archives, as skopeo writes them, have the same layers', async (t) => {
  if (!hasRegistry(t) || !hasSkopeo(t)) return;
  const host = await startRegistry(t);
  const image = sampleImage(3, 5000);
  await pushImage(host, 'app', 'latest', image);
  const root = temporaryDirectory(t);
  const from = ['copy', '--src-tls-verify=false', `docker://${host}/app:latest`];
  skopeo(...from, `oci:${root}/layout:v1`);
  skopeo(...from, `oci-archive:${root}/oci.tar:v1`);
  skopeo(...from, `docker-archive:${root}/docker.tar:team/app:v2`);
  const {source} = sourceIn(t, root);
  t.deepEqual(await layersOf(source, 'oci-layout://layout:v1'), image.layers);
  t.deepEqual(await layersOf(source, `oci-layout://${root}/layout`), image.layers);
  cpSync(join(root, 'layout'), join(root, 'team@host:1/layout'), {recursive: true});
  t.deepEqual(await layersOf(source, `oci-layout://${root}/team@host:1/layout`), image.layers);
  t.deepEqual(await layersOf(source, 'docker-archive://oci.tar'), image.layers);
  const plain = image.layers.map((layer) => gunzipSync(layer));
  t.deepEqual(await layersOf(source, 'docker-archive://docker.tar'), plain);
  t.deepEqual(await layersOf(source, 'docker-archive://docker.tar:team/app:v2'), plain);
  t.deepEqual(await layersOf(source, 'docker-archive://docker.tar:v2'), plain);
  const error = await t.throwsAsync(source.resolve('docker-archive://docker.tar:team/ap:v2', amd64, signal), {
    code: 'NOT_FOUND',
  });
  t.regex(error.message, /did you mean "team\/app:v2"/);
  await t.throwsAsync(source.resolve('oci-layout://layout:v9', amd64, signal), {code: 'NOT_FOUND'});
});

function writeLayout(root: string, manifest: object, blobs: readonly Uint8Array[]): void {
  mkdirSync(join(root, 'blobs/sha256'), {recursive: true});
  const bytes = Buffer.from(JSON.stringify(manifest));
  for (const blob of [...blobs, bytes]) writeFileSync(join(root, blobPath(digestOf(blob))), blob);
  writeFileSync(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: digestOf(bytes),
    size: bytes.length,
  };
  writeFileSync(join(root, 'index.json'), JSON.stringify({schemaVersion: 2, manifests: [descriptor]}));
}

test('a layer whose bytes are not its digest is refused', async (t) => {
  const root = temporaryDirectory(t);
  const {manifest, config, layers} = sampleImage(1);
  writeLayout(root, manifest, [config]);
  const [layer] = layers;
  writeFileSync(join(root, blobPath(digestOf(layer ?? ''))), 'other');
  const {source} = sourceIn(t, root);
  await t.throwsAsync(layersOf(source, `oci-layout://${root}`), {code: 'DIGEST_MISMATCH'});
});

test('a layout that links out of itself is refused', async (t) => {
  const root = temporaryDirectory(t);
  const {manifest, config} = sampleImage(1);
  writeLayout(root, manifest, [config]);
  rmSync(join(root, 'index.json'));
  execFileSync('ln', ['-s', '/etc/passwd', join(root, 'index.json')]);
  await t.throwsAsync(layersOf(sourceIn(t, root).source, `oci-layout://${root}`), {code: 'OCI_INVALID'});
  rmSync(join(root, 'index.json'));
  execFileSync('mkfifo', [join(root, 'index.json')]);
  await t.throwsAsync(layersOf(sourceIn(t, root).source, `oci-layout://${root}`), {code: 'OCI_INVALID'});
});

test('an index of itself ends in an error', async (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'blobs/sha256'), {recursive: true});
  writeFileSync(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  let inner: object = {};
  for (let level = 0; level < 8; level++) {
    const bytes = Buffer.from(JSON.stringify({schemaVersion: 2, manifests: level === 0 ? [] : [inner]}));
    writeFileSync(join(root, blobPath(digestOf(bytes))), bytes);
    inner = {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest: digestOf(bytes),
      size: bytes.length,
      platform: amd64,
    };
  }
  writeFileSync(join(root, 'index.json'), JSON.stringify({schemaVersion: 2, manifests: [inner]}));
  await t.throwsAsync(layersOf(sourceIn(t, root).source, `oci-layout://${root}`), {code: 'OCI_INVALID'});
});

test('manifests of sizes that nobody has are refused before they are read', async (t) => {
  const root = temporaryDirectory(t);
  const {manifest, config} = sampleImage(1);
  const huge = {...manifest, config: {...manifest.config, size: 2 ** 40}};
  writeLayout(root, huge, [config]);
  await t.throwsAsync(layersOf(sourceIn(t, root).source, `oci-layout://${root}`), {code: 'OCI_INVALID'});
});

test('a compressed archive, a cut one and something else are told apart', async (t) => {
  const root = temporaryDirectory(t);
  writeFileSync(join(root, 'something'), 'x'.repeat(2000));
  execFileSync('tar', ['-C', root, '-cf', join(root, 'plain.tar'), 'something']);
  execFileSync('gzip', ['-k', join(root, 'plain.tar')]);
  writeFileSync(join(root, 'cut.tar'), readFileSync(join(root, 'plain.tar')).subarray(0, 1024));
  const {source} = sourceIn(t, root);
  const fails = (name: string, code: string) =>
    t.throwsAsync(source.resolve(`docker-archive://${name}`, amd64, signal), {code});
  await fails('plain.tar', 'OCI_INVALID');
  await fails('plain.tar.gz', 'UNSUPPORTED');
  await fails('cut.tar', 'ARCHIVE_INVALID');
  await fails('something', 'ARCHIVE_INVALID');
  await fails('nothing', 'NOT_FOUND');
});

test('scratch is empty and for any platform', async (t) => {
  const {source} = sourceIn(t, temporaryDirectory(t));
  const found = await source.resolve('scratch', {os: 'linux', architecture: 'arm', variant: 'v7'}, signal);
  t.deepEqual(found.layers, []);
  t.is(found.config.variant, 'v7');
});
