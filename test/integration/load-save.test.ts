import {execFile, execFileSync, spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {archive} from '../helpers/archive.js';
import {type Answer, workshop} from '../helpers/cli.js';
import {daemonOrSkip} from '../helpers/daemon.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

const tree = {
  'app/Dockerfile': 'FROM scratch\nCOPY file /a\nCOPY --chown=33:33 --chmod=600 file /b/c\n',
  'app/file': 'content',
  'next/Dockerfile': 'FROM app:1\nCOPY more /more\n',
  'next/more': 'more',
};
const build = ['build', '--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain', '--json'];
const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

test('what save writes keeps its bytes through load, whatever the form, and is a base image', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root} = workshop(t, undefined, tree);
  const ok = async (args: readonly string[], stdin?: Uint8Array): Promise<string> => {
    const run = await cli(args, stdin === undefined ? {} : {stdin});
    t.is(run.status, 0, run.stderr);
    return run.stdout;
  };
  const {configDigest} = JSON.parse(await ok([...build, '-t', 'app:1', '-t', 'other/app:2', 'app'])) as Answer;
  await ok(['save', 'app:1', 'other/app:2', '-o', 'docker.tar']);
  await ok(['save', '--format', 'oci', 'app:1', 'other/app:2', '-o', 'oci.tar']);
  const oci = readFileSync(join(root, 'oci.tar'));
  writeFileSync(join(root, 'oci.tar.gz'), gzipSync(oci));
  mkdirSync(join(root, 'layout'));
  await promisify(execFile)('tar', ['xf', 'oci.tar', '-C', 'layout'], {cwd: root});

  for (const [store, input, stdin] of [
    ['one', 'docker.tar', undefined],
    ['two', 'oci.tar.gz', undefined],
    ['three', 'layout', undefined],
    ['four', '-', readFileSync(join(root, 'docker.tar'))],
    ['five', '-', gzipSync(oci)],
  ] as const) {
    const loaded = await ok(['load', '-i', input, '--root', store], stdin);
    t.is(loaded, `loaded  app:1  ${configDigest ?? ''}\nloaded  other/app:2  ${configDigest ?? ''}\n`, input);
    await ok(['save', 'app:1', 'other/app:2', '--root', store, '-o', `${store}.tar`]);
    t.deepEqual(readFileSync(join(root, `${store}.tar`)), readFileSync(join(root, 'docker.tar')), input);
    t.deepEqual(readdirSync(join(root, store, 'tmp')), []);
  }
  const next = JSON.parse(await ok([...build, '--root', 'three', 'next'])) as Answer;
  t.is(next.steps.ran, 1);
  const inspected = await promisify(execFile)('skopeo', ['inspect', '--raw', 'oci-archive:oci.tar:1'], {cwd: root});
  const {images} = JSON.parse(await ok(['images', '--json'])) as {
    readonly images: readonly {readonly digest: string}[];
  };
  t.is(`sha256:${sha256(inspected.stdout)}`, images[0]?.digest ?? '');
});

test('an ordinary user saves and compares images whose files are closed to that user', async (t) => {
  const user = 'build-image-test';
  const there = existsSync('/etc/subuid') && readFileSync('/etc/subuid', 'utf8').includes(`${user}:`);
  const may = process.getuid?.() === 0 && there && existsSync('/usr/bin/newuidmap');
  if (!available(t, may, `uidmap and an ordinary user with subordinate ids: useradd ${user}`)) return;
  const {cli, root, store} = workshop(t, undefined, tree);
  await promisify(execFile)('chown', ['-R', user, join(root, '..')]);
  const prefix = ['setpriv', '--reuid', user, '--regid', user, '--init-groups'];
  for (const args of [
    [...build, '-t', 'app:1', 'app'],
    ['save', 'app:1', '-o', 'one.tar'],
    ['load', '-i', 'one.tar', '--root', `${store}-two`],
    ['save', 'app:1', '-o', 'two.tar', '--root', `${store}-two`],
  ]) {
    const run = await cli(args, {prefix});
    t.is(run.status, 0, run.stderr);
  }
  t.deepEqual(readFileSync(join(root, 'two.tar')), readFileSync(join(root, 'one.tar')));

  writeFileSync(join(root, 'app/file'), 'other content');
  t.is((await cli([...build, '-t', 'app:2', 'app'], {prefix})).status, 0);
  const compared = await cli(['diff', '--json', 'app:1', 'app:2'], {prefix});
  t.is(compared.status, 0, compared.stderr);
  const {image} = JSON.parse(compared.stdout) as {image: {files: readonly {path: string}[]}};
  t.deepEqual(
    image.files.map(({path}) => path),
    ['/a', '/b/c'],
  );
});

test('a daemon loads what save writes, and load takes what it saves', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined || !available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const {cli, root, tag} = workshop(t, daemon, tree);
  const built = await cli([...build, '-t', tag, 'app']);
  t.is(built.status, 0, built.stderr);
  const {configDigest} = JSON.parse(built.stdout) as Answer;
  t.is((await cli(['save', tag, '-o', 'image.tar'])).status, 0);
  const {loadArchive} = await import('../../engine/drivers/docker/load.js');
  await loadArchive(daemon.docker, join(root, 'image.tar'), new AbortController().signal);
  t.is((await daemon.docker.getImage(tag).inspect()).Id, configDigest ?? '');
  const saved: Buffer[] = [];
  for await (const chunk of await daemon.docker.getImage(tag).get()) saved.push(Buffer.from(chunk));
  const loaded = await cli(['load', '--root', 'other'], {stdin: Buffer.concat(saved)});
  t.is(loaded.stdout, `loaded  ${tag}  ${configDigest ?? ''}\n`, loaded.stderr);
});

const config = JSON.stringify({
  architecture: 'amd64',
  os: 'linux',
  config: {},
  rootfs: {type: 'layers', diff_ids: [`sha256:${sha256('layer')}`]},
});
const saved = (layer: string | Buffer, names: readonly string[] = ['x:1'], link = 'layer.tar') =>
  archive(
    {name: 'config.json', content: config},
    {name: 'layer.tar', content: layer},
    {name: 'manifest.json', content: JSON.stringify([{Config: 'config.json', RepoTags: names, Layers: [link]}])},
  );

for (const [title, bytes, expected] of [
  ['a layer that is another', saved('other'), /has the digest .* instead of/],
  ['a compressed layer that is another', saved(gzipSync('other')), /is not what the image's configuration says/],
  ['a compressed layer that is cut off', saved(gzipSync('layer').subarray(0, 12)), /not valid gzip/],
  ['a layer of the host', saved('layer', ['x:1'], '../../../../etc/passwd'), /"\.\.\/.*passwd" is missing/],
  ['a name that is none', saved('layer', ['../../x:1']), /reference|name/],
  ['no name', saved('layer', []), /has an image without a name\n.*--tag/],
  ['a list that is no JSON', archive({name: 'manifest.json', content: '[{'}), /not JSON/],
  ['nothing', archive(), /is not an image archive|is empty/],
  ['an end in the middle', saved('layer').subarray(0, 1600), /it ends too early/],
  ['gzip that ends in the middle', gzipSync(saved('layer')).subarray(0, 200), /not valid gzip/],
] as const) {
  test(`load refuses an archive with ${title}, and names nothing`, async (t) => {
    const {cli, root, store} = workshop(t, undefined, {});
    writeFileSync(join(root, 'image.tar'), bytes);
    for (const options of [{}, {stdin: bytes}]) {
      const run = await cli(['load', '-i', 'stdin' in options ? '-' : 'image.tar'], options);
      t.true(run.status === 1 || run.status === 2, run.stderr);
      t.regex(run.stderr, expected);
      t.notRegex(run.stderr, /\n {4}at |internal error/);
      t.false(existsSync(join(store, 'tags')));
      t.deepEqual(existsSync(join(store, 'tmp')) ? readdirSync(join(store, 'tmp')) : [], []);
    }
  });
}

test('load gives up at once on what is no archive and has no end', async (t) => {
  const {cli} = workshop(t, undefined, {});
  for (const path of ['/dev/zero', '/dev/urandom']) {
    const run = await cli(['load', '-i', path]);
    t.is(run.status, 1, run.stderr);
    t.regex(run.stderr, /cannot be loaded: not a valid tar archive/);
  }
});

test('load reads a named pipe once, so that its writer is not cut off', async (t) => {
  const {cli, root} = workshop(t, undefined, {});
  const bytes = saved('layer');
  const pipe = join(root, 'pipe');
  writeFileSync(join(root, 'image.tar'), bytes);
  execFileSync('mkfifo', [pipe]);
  const writer = spawn('cp', ['image.tar', 'pipe'], {cwd: root, stdio: 'ignore'});
  t.teardown(() => writer.kill());
  const run = await cli(['load', '-i', 'pipe']);
  t.is(run.status, 0, run.stderr);
});
