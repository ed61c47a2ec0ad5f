import {execFileSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import type {Descriptor} from '../../engine/oci/manifest.js';
import {buildBusyboxBase} from '../helpers/busybox-base.js';
import {type Answer, type CliOptions, type CliRun, namesIn, runCli, workshop} from '../helpers/cli.js';
import {hasRegistry, registryUser, startRegistry} from '../helpers/registry.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {type TreeEntry, writeTree} from '../helpers/tree.js';

const dockerfile = [
  'FROM t/base AS builder',
  'RUN mkdir -p /opt/d/e && echo tools > /opt/d/tool && ln /opt/d/tool /opt/d/e/hard && chmod 4755 /opt/d/tool',
  'COPY src /src',
  'RUN mkdir /out && cat /src/a > /out/result && echo ran >> /out/result',
  'FROM t/base',
  'RUN ln -s /etc/passwd /link && rm /etc/gone && rm -r /etc/dir && mkdir /etc/dir && echo new > /etc/dir/new',
  'COPY --from=builder /out /out',
  'COPY late /late',
  '',
].join('\n');
const app = {'app/Dockerfile': dockerfile, 'app/src/a': 'hello\n', 'app/late': 'late\n'};

interface Place {
  readonly root: string;
  /** Builds `app` with a store that starts as one with nothing but the base. */
  readonly build: (store: string, args: readonly string[], options?: CliOptions) => Promise<CliRun & {answer: Answer}>;
  readonly path: (...names: readonly string[]) => string;
}

const template = mkdtempSync(join(tmpdir(), 'build-image-base-'));
test.before(async () => {
  if (missingForRoot !== undefined) return;
  const cli = (args: readonly string[]) => runCli(['--root', join(template, 'store'), ...args], {cwd: template});
  const made = await buildBusyboxBase(cli, join(template, 'base'), {'etc/gone': 'gone', 'etc/dir/old': 'old'});
  if (made.status !== 0) throw new Error(made.stderr);
});
test.after.always(() => rmSync(template, {recursive: true, force: true}));

function place(t: ExecutionContext, tree: Readonly<Record<string, TreeEntry>> = app): Place | undefined {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return undefined;
  const {cli, root} = workshop(t, undefined, tree);
  const path = (...names: readonly string[]): string => join(root, ...names);
  return {
    root,
    path,
    async build(name, args, options) {
      const own = path('stores', name);
      if (!existsSync(own)) {
        mkdirSync(path('stores'), {recursive: true});
        // With times and hard links: layers are made of the files.
        execFileSync('cp', ['-a', join(template, 'store'), own]);
      }
      const fixed = ['--no-compose', '--driver', 'embedded', '--progress', 'plain', '--json', '--root', own];
      const run = await cli([...fixed, 'app', ...args], options);
      return {...run, answer: (run.status === 0 ? JSON.parse(run.stdout) : {}) as Answer};
    },
  };
}

const unpacked = (run: CliRun): number => run.stderr.match(/^#\d+ \[internal\] unpack .*cache/gm)?.length ?? 0;

test('an empty store takes every step of a local cache: the same image, and only the layers that it needs', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  const out = ['--no-artifacts', '-t', 't/app', '-o', 'type=oci,dest=image,tar=false'];
  const first = await here.build('a', [...out, '--cache-to', 'type=local,dest=cache,mode=max']);
  t.is(first.status, 0, first.stderr);
  t.deepEqual(first.answer.steps, {ran: 6, cached: 0});
  rmSync(here.path('image'), {recursive: true});
  const second = await here.build('b', [...out, '--cache-from', 'type=local,src=cache']);
  t.is(second.status, 0, second.stderr);
  t.deepEqual(second.answer.steps, {ran: 0, cached: 6});
  t.is(second.answer.configDigest, first.answer.configDigest);
  t.is(second.answer.digest, first.answer.digest);
  t.is(unpacked(second), 3, 'the layers of the builder stay where they are');
  // What has come is in the store: the cache is not asked again.
  rmSync(here.path('cache'), {recursive: true});
  const third = await here.build('b', ['--no-artifacts', '-t', 't/app', '--cache-from', 'type=local,src=cache']);
  t.deepEqual(third.answer.steps, {ran: 0, cached: 6}, third.stderr);
});

test('one changed file runs the steps from there on, over layers of the cache', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  await here.build('a', ['--cache-to', 'type=local,dest=cache,mode=max']);
  writeTree(here.root, {'app/src/a': 'changed\n'});
  const run = await here.build('b', ['-t', 't/app', '-o', 'out', '--cache-from', 'type=local,src=cache']);
  t.deepEqual(run.answer.steps, {ran: 4, cached: 2}, run.stderr);
  t.is(readFileSync(here.path('out/out/result'), 'utf8'), 'changed\nran\n');
  t.deepEqual(namesIn(here.path('out/etc/dir')), ['new']);
  t.false(existsSync(here.path('out/etc/gone')));
});

test('files that are unpacked from a cache make the layer that they came from, whatever the compression', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  const plain = ['--no-artifacts', '-o', 'type=docker,dest=image.tar'];
  const cache = 'type=local,dest=cache,mode=max,compression=zstd,compression-level=9';
  const first = await here.build('a', [...plain, '--cache-to', cache]);
  t.is(first.status, 0, first.stderr);
  const second = await here.build('b', [...plain, '--cache-from', 'type=local,src=cache']);
  t.deepEqual(second.answer.steps, {ran: 0, cached: 6}, second.stderr);
  t.is(second.answer.digest, first.answer.digest);
});

test('a cache of the image alone spares the other stages too; they run when their files are wanted', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  const first = await here.build('a', ['--no-artifacts', '--cache-to', 'type=local,dest=cache']);
  t.is(first.status, 0, first.stderr);
  const second = await here.build('b', ['--no-artifacts', '-t', 't/app', '--cache-from', 'type=local,src=cache']);
  t.deepEqual(second.answer.steps, {ran: 0, cached: 6}, second.stderr);
  t.is(second.answer.configDigest, first.answer.configDigest);
  const third = await here.build('c', [
    '-o',
    'out',
    '--artifact',
    'builder:/out/result',
    '--cache-from',
    'type=local,src=cache',
  ]);
  t.is(third.status, 0, third.stderr);
  t.deepEqual(
    third.answer.artifacts.map(({path}) => path),
    ['artifacts/result'],
  );
  t.is(readFileSync(here.path('artifacts/result'), 'utf8'), 'hello\nran\n');
  t.deepEqual(third.answer.steps, {ran: 3, cached: 3});
});

test('a build that fails writes what succeeded', async (t) => {
  const broken = dockerfile.replace('echo ran >>', 'exit 3; echo ran >>');
  const here = place(t, {...app, 'app/Dockerfile': broken});
  if (here === undefined) return;
  const failed = await here.build('a', ['--cache-to', 'type=local,dest=cache,mode=max']);
  t.is(failed.status, 1, failed.stderr);
  t.regex(failed.stderr, /exit code: 3/);
  writeTree(here.root, {'app/Dockerfile': dockerfile});
  const run = await here.build('b', ['--cache-from', 'type=local,src=cache']);
  t.is(run.status, 0, run.stderr);
  t.true(run.answer.steps.cached >= 2, JSON.stringify(run.answer.steps));
});

test('an inline cache is in the image, and is found where the image is', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  const inline = ['--no-artifacts', '--cache-to', 'type=inline', '-o', 'type=oci,dest=image,tar=false'];
  const first = await here.build('a', inline);
  t.is(first.status, 0, first.stderr);
  const second = await here.build('b', [...inline, '--cache-from', 'type=local,src=image']);
  t.deepEqual(second.answer.steps, {ran: 0, cached: 6}, second.stderr);
  t.is(second.answer.digest, first.answer.digest);
});

test('a registry with a login keeps a cache; credentials go to it alone', async (t) => {
  const here = place(t);
  if (here === undefined || !hasRegistry(t)) return;
  const host = await startRegistry(t, {kind: 'htpasswd'});
  const other = await startRegistry(t, {kind: 'htpasswd'});
  const auth = Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64');
  writeTree(here.root, {'docker/config.json': JSON.stringify({auths: {[host]: {auth}}})});
  const env = {DOCKER_CONFIG: here.path('docker')};
  const spec = `type=registry,ref=${host}/team/app:cache,mode=max`;
  const first = await here.build('a', ['--no-artifacts', '-t', 't/app', '--cache-to', spec], {env});
  t.is(first.status, 0, first.stderr);
  const second = await here.build('b', ['--no-artifacts', '-t', 't/app', '--cache-from', `${host}/team/app:cache`], {
    env,
  });
  t.deepEqual(second.answer.steps, {ran: 0, cached: 6}, second.stderr);
  t.is(second.answer.configDigest, first.answer.configDigest);

  const refused = await here.build('c', ['--cache-from', `${other}/team/app:cache`], {env});
  t.is(refused.status, 0, refused.stderr);
  t.regex(refused.stderr, new RegExp(`warning: the cache ${other}/team/app:cache is not used: .*refuses`));
  const unwritten = await here.build('c', ['--cache-to', `${other}/team/app:cache`], {env});
  t.is(unwritten.status, 1, unwritten.stderr);
  t.regex(unwritten.stderr, new RegExp(`^build-image: ${other} refuses`, 'm'));
  const ignored = `type=registry,ref=${other}/team/app:cache,ignore-error=true`;
  const ignoring = await here.build('c', ['--cache-to', ignored], {env});
  t.is(ignoring.status, 0, ignoring.stderr);
  t.regex(ignoring.stderr, /warning: the cache .* is not written: .* refuses/);
  for (const {stderr} of [first, second, refused, unwritten]) t.false(stderr.includes(registryUser.password));
});

test('a cache that is not there is a warning', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  const sources = ['127.0.0.1:1/app:cache', 'type=local,src=nowhere'];
  const run = await here.build(
    'a',
    sources.flatMap((source) => ['--cache-from', source]),
  );
  t.is(run.status, 0, run.stderr);
  t.regex(run.stderr, /warning: the cache 127\.0\.0\.1:1\/app:cache is not used: cannot reach/);
  t.regex(run.stderr, /warning: the cache .*nowhere is not used: /);
});

/** Puts other bytes in the place of the cache's blobs: `edit` gets each layer's descriptor. */
function tamper(cache: string, edit: (layer: Descriptor) => Descriptor): void {
  const blob = (digest: string) => join(cache, 'blobs/sha256', digest.slice(7));
  const index = JSON.parse(readFileSync(join(cache, 'index.json'), 'utf8')) as {manifests: Descriptor[]};
  const [entry] = index.manifests;
  const manifest = JSON.parse(readFileSync(blob(entry?.digest ?? ''), 'utf8')) as {layers: Descriptor[]};
  const bytes = JSON.stringify({...manifest, layers: manifest.layers.map(edit)});
  const digest = digestOf(bytes);
  writeFileSync(blob(digest), bytes);
  writeFileSync(
    join(cache, 'index.json'),
    JSON.stringify({...index, manifests: [{...entry, digest, size: bytes.length}]}),
  );
}

test('a layer that leads out of its directory stays in it, and one that is damaged is made again', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  await here.build('a', ['--no-artifacts', '--cache-to', 'type=local,dest=cache,mode=max,compression=uncompressed']);
  cpSync(here.path('cache'), here.path('damaged'), {recursive: true});
  for (const name of namesIn(here.path('damaged/blobs/sha256'))) {
    const file = here.path('damaged/blobs/sha256', name);
    const bytes = readFileSync(file);
    // The layers: what is no JSON.
    if (bytes[0] !== 123) writeFileSync(file, Buffer.concat([bytes.subarray(1), bytes.subarray(0, 1)]));
  }
  const mended = await here.build('b', [
    '-t',
    't/app',
    '-o',
    'out',
    '--no-artifacts',
    '--cache-from',
    'type=local,src=damaged',
  ]);
  t.is(mended.status, 0, mended.stderr);
  t.regex(mended.stderr, /warning: .* runs, as .*damaged does not give its layer: .*digest/);
  t.is(readFileSync(here.path('out/out/result'), 'utf8'), 'hello\nran\n');

  writeTree(here.root, {'evil/etc/x': 'x'});
  const script =
    'ln -s /tmp evil/up; tar -C evil -cf evil.tar --transform "s,^etc/x,up/../../../../../../../escaped,S" up etc/x';
  execFileSync('sh', ['-c', script], {cwd: here.root});
  const evil = readFileSync(here.path('evil.tar'));
  const digest = digestOf(evil);
  writeFileSync(here.path('cache/blobs/sha256', digest.slice(7)), evil);
  const diffId = {'io.build-image.diff-id': ''};
  tamper(here.path('cache'), (layer) => ({
    ...layer,
    digest,
    size: evil.length,
    annotations: {...diffId, ...layer.annotations},
  }));
  const contained = await here.build('c', ['-t', 't/app', '--no-artifacts', '--cache-from', 'type=local,src=cache']);
  t.is(contained.status, 0, contained.stderr);
  t.regex(contained.stderr, /warning: .* runs, as /);
  for (const file of ['/escaped', '/tmp/escaped', here.path('escaped')]) t.false(existsSync(file), file);
});

test('a cache that is misspelt is refused before anything runs', async (t) => {
  const here = place(t);
  if (here === undefined) return;
  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['--cache-to', 'type=registy,ref=x', /no type "registy" \(did you mean "registry"\?\)/],
    ['--cache-to', 'type=local,dst=x', /no attribute "dst" \(did you mean "dest"\?\)/],
    ['--cache-to', 'type=local,mode=max', /needs dest=/],
    ['--cache-to', 'type=local,dest=x,mode=most', /is min or max, not "most"/],
    ['--cache-to', 'type=local,dest=x,compression=lzma', /no compression "lzma"/],
    ['--cache-to', 'type=inline,mode=max', /its mode is min/],
    ['--cache-from', 'type=inline', /no type "inline"/],
    ['--cache-from', 'ref=UPPER/Case', /invalid image reference/],
  ];
  for (const [flag, spec, message] of wrong) {
    const run = await here.build('a', [flag, spec]);
    t.is(run.status, 2, run.stderr);
    t.regex(run.stderr, message);
  }
});
