import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {parseManifest, renderManifest} from '../../engine/oci/manifest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';

const digest = digestOf('x');
const config = {mediaType: mediaTypes.ociConfig, digest, size: 10};
const layer = {mediaType: mediaTypes.ociLayerGzip, digest, size: 20};
const manifest = {schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer]};
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

test('an OCI manifest is read, and written back to an equal document', (t) => {
  const parsed = parseManifest(bytes(manifest));
  t.is(parsed.kind, 'manifest');
  if (parsed.kind !== 'manifest') return;
  t.deepEqual(parsed.manifest as unknown, manifest);
  t.deepEqual(parseManifest(renderManifest(parsed.manifest)), parsed);
});

test('a Docker schema 2 manifest and manifest list are read', (t) => {
  const docker = {...manifest, mediaType: mediaTypes.dockerManifest};
  t.is(parseManifest(bytes(docker), mediaTypes.dockerManifest).kind, 'manifest');
  const platform = {architecture: 'arm', os: 'linux', variant: 'v7'};
  const list = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerIndex,
    manifests: [{mediaType: mediaTypes.dockerManifest, digest, size: 1, platform}],
  };
  const parsed = parseManifest(bytes(list), mediaTypes.dockerIndex);
  t.deepEqual(parsed.kind === 'index' ? parsed.index.manifests[0]?.platform : undefined, platform);
});

test('a document without mediaType is told apart by what came with it or what it holds', (t) => {
  const bare = {schemaVersion: 2, config, layers: [layer]};
  t.is(parseManifest(bytes(bare)).kind, 'manifest');
  t.is(parseManifest(bytes({schemaVersion: 2, manifests: []})).kind, 'index');
});

const refuses = test.macro({
  exec(t, name: string, value: unknown, why: RegExp, type: string | undefined) {
    t.throws(() => parseManifest(bytes(value), type), {code: 'OCI_INVALID', message: why}, name);
  },
  title: (_, name: string) => `refuses a manifest that is ${name}`,
});
test(refuses, 'no JSON', 'nonsense', /not JSON/, undefined);
test(refuses, 'a list', '[]', /instead of an object/, undefined);
test(refuses, 'empty', '{}', /schemaVersion "undefined"/, undefined);
test(refuses, 'of schema 1', {schemaVersion: 1}, /schemaVersion "1"/, undefined);
test(refuses, 'without layers', {...manifest, layers: undefined}, /"layers" is missing/, undefined);
test(refuses, 'without a configuration', {...manifest, config: undefined}, /"config" is/, undefined);
test(
  refuses,
  'pointing outside with a digest',
  {...manifest, layers: [{...layer, digest: 'sha256:../../etc'}]},
  /layers\[0\].*not a sha256 digest/,
  undefined,
);
test(
  refuses,
  'of a negative layer size',
  {...manifest, layers: [{...layer, size: -1}]},
  /"size" is missing or negative/,
  undefined,
);
test(
  refuses,
  'of a fractional layer size',
  {...manifest, layers: [{...layer, size: 1.5}]},
  /instead of a whole number/,
  undefined,
);
test(
  refuses,
  'of a layer beyond any size',
  {...manifest, layers: [{...layer, size: 1e300}]},
  /whole number/,
  undefined,
);
test(
  refuses,
  'of a thousand and one layers',
  {...manifest, layers: Array.from({length: 1001}, () => layer)},
  /1001 items, more than 1000/,
  undefined,
);
test(refuses, 'an index at once', {...manifest, manifests: []}, /an index and an image at once/, undefined);
test(refuses, 'something else than announced', manifest, /calls itself/, mediaTypes.ociIndex);
test(
  refuses,
  'of an unknown type',
  {...manifest, mediaType: 'application/x'},
  /media type "application\/x" is not supported/,
  undefined,
);
test(refuses, 'annotated with a number', {...manifest, annotations: {a: 1}}, /annotations\.a/, undefined);
test(refuses, 'over four megabytes', ' '.repeat(4 * 1024 * 1024 + 1), /bytes are more than/, undefined);
test(refuses, 'nested a million deep', '['.repeat(1_000_000), /not JSON/, undefined);

test('a key named __proto__ stays data', (t) => {
  const text = JSON.stringify({...manifest, annotations: {}}).replace(
    '"annotations":{}',
    '"annotations":{"__proto__":"x"}',
  );
  const parsed = parseManifest(bytes(text));
  t.is((Object.prototype as {x?: unknown}).x, undefined);
  t.true(parsed.kind === 'manifest' && Object.hasOwn(parsed.manifest.annotations ?? {}, '__proto__'));
});
