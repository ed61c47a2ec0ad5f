import {execFileSync} from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {gunzipSync, gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {describeImage, type DescribedImage} from '../../../../engine/drivers/embedded/outputs/finished-image.js';
import {syscalls} from '../../../../engine/base/syscalls.js';
import {copyTree} from '../../../../engine/drivers/embedded/outputs/local-directory.js';
import {type OutputPlace, writeOutput} from '../../../../engine/drivers/embedded/outputs/write-output.js';
import type {Output} from '../../../../engine/drivers/driver.js';
import {digestOf} from '../../../../engine/oci/digest.js';
import {mediaTypes} from '../../../../engine/oci/media-types.js';
import {layerTar} from '../../../../engine/snapshot/diff.js';
import {daemonOrSkip, removeAfter} from '../../../helpers/daemon.js';
import {bytesOf} from '../../../helpers/image.js';
import {available} from '../../../helpers/requirement.js';
import {temporaryDirectory} from '../../../helpers/temporary.js';
import {writeTree} from '../../../helpers/tree.js';

const signal = new AbortController().signal;

/** Layers that are real: a tree with all kinds of names, and one file more. */
function sample(t: ExecutionContext, tags: readonly string[] = ['docker.io/library/sample:1'], compressed = true) {
  const root = temporaryDirectory(t);
  const first = join(root, 'first');
  writeTree(first, {
    'bin/tool': {mode: 0o4755, content: '#!/bin/sh\n'},
    'etc/conf': 'text',
    'etc/link': {link: '../bin/tool'},
    'empty/': {directory: true, mode: 0o1777},
    'ü/名': 'unicode',
  });
  execFileSync('ln', [join(first, 'etc/conf'), join(first, 'etc/hard')]);
  const second = join(root, 'second');
  writeTree(second, {'etc/more': 'x'.repeat(100_000)});
  const tars = [first, second].map((directory) => Buffer.concat([...layerTar({directory, clamp: 1_600_000_000})]));
  const layers = tars.map((tar) => {
    const bytes = compressed ? gzipSync(tar, {level: 6}) : tar;
    return {
      diffId: digestOf(tar),
      digest: digestOf(bytes),
      size: bytes.length,
      mediaType: compressed ? mediaTypes.ociLayerGzip : mediaTypes.dockerLayer,
      open: () => Readable.from([bytes]) as AsyncIterable<Uint8Array>,
    };
  });
  const image = describeImage({
    config: {
      architecture: 'amd64',
      os: 'linux',
      created: '2020-09-13T12:26:40Z',
      config: {Env: ['PATH=/bin'], Cmd: ['/bin/tool'], Labels: {a: 'b'}},
      rootfs: {type: 'layers', diff_ids: layers.map(({diffId}) => diffId)},
      history: layers.map((_, index) => ({created: '2020-09-13T12:26:40Z', created_by: `step ${index}`})),
    },
    layers,
    tags,
  });
  return {image, tars, first, root};
}

async function write(
  image: DescribedImage,
  outputs: readonly Output[],
  more: Partial<OutputPlace> = {},
): Promise<{readonly stdout: readonly Buffer[]}> {
  const stdout: Buffer[] = [];
  const place: OutputPlace = {
    rootDirectory: () => Promise.reject(new Error('not asked for')),
    root: process.getuid?.() === 0,
    epoch: 1_600_000_000,
    stdout: (bytes) => void stdout.push(Buffer.from(bytes)),
    ...more,
  };
  for (const each of outputs) await writeOutput(each, image, place, signal);
  return {stdout};
}

const output = (type: Output['type'], dest?: string, attributes: Readonly<Record<string, string>> = {}): Output => ({
  type,
  dest,
  attributes,
});
const hasSkopeo = (t: ExecutionContext) =>
  available(t, existsSync('/usr/bin/skopeo'), '/usr/bin/skopeo (package skopeo)');
const skopeo = (...args: readonly string[]) =>
  execFileSync('/usr/bin/skopeo', ['--insecure-policy', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

for (const compressed of [true, false]) {
  test(`skopeo reads every form of a ${compressed ? 'compressed' : 'plain'} image, and finds the same`, async (t) => {
    if (!hasSkopeo(t)) return;
    const {image, root, tars} = sample(t, ['docker.io/library/sample:1', 'docker.io/team/other:v2'], compressed);
    await write(image, [
      output('oci', join(root, 'oci.tar')),
      output('oci', join(root, 'layout'), {tar: 'false'}),
      output('docker', join(root, 'docker.tar')),
    ]);
    for (const name of [`oci:${root}/layout:1`, `oci-archive:${root}/oci.tar:v2`, `oci-archive:${root}/docker.tar:1`]) {
      const raw = skopeo('inspect', '--raw', name);
      t.is(digestOf(raw), image.descriptor.digest, name);
      const config = JSON.parse(skopeo('inspect', '--config', name)) as {rootfs: {diff_ids: string[]}};
      t.deepEqual(config.rootfs.diff_ids, tars.map(digestOf));
    }
    const copied = join(root, 'copied');
    skopeo('copy', `docker-archive:${root}/docker.tar:docker.io/team/other:v2`, `dir:${copied}`);
    const blobs = readdirSync(copied).filter((name) => /^[0-9a-f]{64}$/.test(name));
    const plain = new Set(
      blobs
        .map((name) => readFileSync(join(copied, name)))
        .map((data) => digestOf(data[0] === 0x1f ? gunzipSync(data) : data)),
    );
    for (const tar of tars) t.true(plain.has(digestOf(tar)));
  });
}

for (const kind of ['debian', 'current'] as const) {
  test(`a daemon (${kind}) loads the archive with its names, as the same image`, async (t) => {
    const daemon = daemonOrSkip(t, kind);
    if (daemon === undefined) return;
    const tag = `build-image-test/load-${process.pid}:1`;
    const {image, root} = sample(t, [tag]);
    removeAfter(t, daemon, tag);
    const file = join(root, 'docker.tar');
    await write(image, [output('docker', file)]);
    const answer = await daemon.docker.loadImage(file);
    t.regex((await bytesOf(answer as AsyncIterable<Uint8Array>)).toString(), /Loaded image/);
    const found = await daemon.docker.getImage(tag).inspect();
    t.is(found.Id, image.configDigest);
    t.deepEqual(found.RootFS.Layers, [...image.config.rootfs.diff_ids]);
  });
}

test('the same image gives the same bytes, to a file and to standard output', async (t) => {
  const {image, root} = sample(t);
  for (const type of ['oci', 'docker'] as const) {
    const file = join(root, `${type}.tar`);
    await write(image, [output(type, file)]);
    const {stdout} = await write(image, [output(type, '-')]);
    t.deepEqual(Buffer.concat(stdout), readFileSync(file));
    const listed = execFileSync('tar', ['-tvf', file, '--numeric-owner', '--full-time'], {
      encoding: 'utf8',
      env: {TZ: 'UTC'},
    });
    t.true(listed.split('\n').every((line) => line === '' || line.includes('2020-09-13 12:26:40')));
  }
});

test('a layout that is there keeps its other images and loses the one of the same tag', async (t) => {
  const {image, root} = sample(t);
  const other = sample(t, ['docker.io/library/second:2'], false).image;
  const path = join(root, 'layout');
  const into = output('oci', path, {tar: 'false'});
  await write(image, [into]);
  await write(other, [into]);
  await write({...other, tags: image.tags}, [into]);
  const index = JSON.parse(readFileSync(join(path, 'index.json'), 'utf8')) as {
    manifests: {digest: string; annotations: Record<string, string>}[];
  };
  t.deepEqual(
    index.manifests.map(({digest, annotations}) => [annotations['org.opencontainers.image.ref.name'], digest]),
    [
      ['2', other.descriptor.digest],
      ['1', other.descriptor.digest],
    ],
  );
});

test('a layer whose bytes are wrong leaves no output, and what was there before', async (t) => {
  const {image, root} = sample(t);
  const file = join(root, 'out.tar');
  writeFileSync(file, 'before');
  const layers = image.layers.map((layer) => ({
    ...layer,
    open: () => Readable.from([Buffer.alloc(layer.size)]) as AsyncIterable<Uint8Array>,
  }));
  await t.throwsAsync(write({...image, layers}, [output('oci', file)]), {code: 'DIGEST_MISMATCH'});
  t.is(readFileSync(file, 'utf8'), 'before');
  t.deepEqual(
    readdirSync(root).filter((name) => name.includes('.tmp')),
    [],
  );
});

test('wrong destinations are refused with what to do', async (t) => {
  const {image, root} = sample(t);
  await t.throwsAsync(write(image, [output('oci', root)]), {code: 'USAGE'});
  await t.throwsAsync(write(image, [output('local')], {rootDirectory: () => Promise.resolve(root)}), {
    code: 'USAGE',
  });
  writeFileSync(join(root, 'file'), '');
  await t.throwsAsync(write(image, [output('oci', join(root, 'file/x.tar'))]), {code: 'IO'});
});

test('a full disk is said as such', async (t) => {
  const {image} = sample(t);
  if (!available(t, existsSync('/dev/full'), '/dev/full')) return;
  await t.throwsAsync(write(image, [output('oci', '/dev/full')]), {code: 'NO_SPACE'});
});

test('the file system is written as a tar and into a directory', async (t) => {
  const {image, root, first} = sample(t);
  const target = join(root, 'local');
  mkdirSync(join(target, 'etc'), {recursive: true});
  const outside = mkdtempSync(join(root, 'outside-'));
  writeFileSync(join(target, 'etc/conf'), 'old');
  writeFileSync(join(target, 'mine'), 'kept');
  symlinkSync(outside, join(target, 'bin'));
  const exact = {seconds: 1_500_000_000, nanoseconds: 123_456_789};
  for (const name of ['etc/conf', 'etc/link']) syscalls().setTimes(join(first, name), exact);
  syscalls().setXattr(join(first, 'etc/conf'), 'user.kept', Buffer.from('yes'));
  const rootDirectory = () => Promise.resolve(first);
  await write(image, [output('local', target), output('tar', join(root, 'fs.tar'))], {rootDirectory});
  t.is(readFileSync(join(target, 'etc/conf'), 'utf8'), 'text');
  t.is(readFileSync(join(target, 'mine'), 'utf8'), 'kept');
  t.deepEqual(readdirSync(outside), [], 'a symlink in the destination is not followed');
  t.true(lstatSync(join(target, 'bin')).isDirectory());
  t.is(readlinkSync(join(target, 'etc/link')), '../bin/tool');
  t.is(lstatSync(join(target, 'etc/hard')).ino, lstatSync(join(target, 'etc/conf')).ino);
  t.is(lstatSync(join(target, 'empty')).mode & 0o7777, process.getuid?.() === 0 ? 0o1777 : 0o777);
  for (const name of ['etc/conf', 'etc/link'])
    t.is(lstatSync(join(target, name), {bigint: true}).mtimeNs, 1_500_000_000_123_456_789n, name);
  const kept = syscalls().getXattr(join(target, 'etc/conf'), 'user.kept')?.toString();
  t.is(kept, process.getuid?.() === 0 ? 'yes' : undefined);
  t.is(lstatSync(join(target, 'etc/link')).isSymbolicLink(), true);
  t.is(lstatSync(join(target, 'ü/名')).mtimeMs, 1_600_000_000_000, 'not after SOURCE_DATE_EPOCH');
  const names = execFileSync('tar', ['-tf', join(root, 'fs.tar')], {encoding: 'utf8', env: {LC_ALL: 'C.UTF-8'}});
  t.true(names.includes('bin/tool\n') && names.includes('etc/hard\n'));
});

test('devices and pipes are copied for root, and left out for others', async (t) => {
  if (!available(t, process.getuid?.() === 0, 'root')) return;
  const root = temporaryDirectory(t);
  const from = join(root, 'from');
  mkdirSync(from);
  execFileSync('mknod', [join(from, 'null'), 'c', '1', '3']);
  execFileSync('mkfifo', [join(from, 'pipe')]);
  await copyTree(from, join(root, 'to'), {root: true}, signal);
  t.is(lstatSync(join(root, 'to/null')).rdev, lstatSync(join(from, 'null')).rdev);
  t.true(lstatSync(join(root, 'to/pipe')).isFIFO());
  await copyTree(from, join(root, 'user'), {root: false}, signal);
  t.deepEqual(readdirSync(join(root, 'user')), []);
});
