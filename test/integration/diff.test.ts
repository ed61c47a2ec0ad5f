import {execFile, spawn} from 'node:child_process';
import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {promisify} from 'node:util';
import test from 'ava';
import type {FileChange, ImageDiff} from '../../engine/compare/compare.js';
import {type Workshop, workshop} from '../helpers/cli.js';
import {daemonOrSkip, removeAfter, type TestDaemon} from '../helpers/daemon.js';
import {debianImage, ensureDebianImage} from '../helpers/debian-image.js';

const run = promisify(execFile);

const dockerfile = `FROM ${debianImage} AS lists
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update
FROM lists AS tree
RUN apt-get install --yes --no-install-recommends tree
RUN echo 'replaced, then hidden' > /etc/motd && truncate --size 1M /srv/sparse
FROM lists AS less
RUN apt-get install --yes --no-install-recommends less && rm -rf /var/lib/apt/lists
RUN chmod 2750 /opt && chown 33:44 /srv && rm -rf /usr/share/doc/apt && ln -s /etc/passwd /etc/link && echo hi > /etc/motd \\
 && mkfifo /pipe && rm /etc/issue && mkdir /etc/issue && ln /etc/debian_version /etc/other && touch "/srv/a b$(printf '\\n')c"
ENV X=1
`;

/** `type mode uid gid size link` of every path, with the digest of a file: as find and sha256sum see them. */
type Listing = ReadonlyMap<string, {readonly facts: string; readonly sha256: string}>;

/** An image's root file system, unpacked by GNU tar from what the daemon exports, and its packages by dpkg-query. */
async function independent(
  daemon: TestDaemon,
  image: string,
  directory: string,
): Promise<{readonly files: Listing; readonly packages: ReadonlyMap<string, string>}> {
  mkdirSync(directory, {recursive: true});
  const container = await daemon.docker.createContainer({Image: image, Cmd: ['true']});
  try {
    const tar = spawn('tar', ['--extract', '--numeric-owner', '--same-permissions', '--directory', directory]);
    const ended = new Promise<number | null>((done) => tar.on('close', done));
    await pipeline(await container.export(), tar.stdin);
    if ((await ended) !== 0) throw new Error('tar failed');
  } finally {
    await container.remove({force: true});
  }
  const big = {maxBuffer: 2 ** 30};
  const found = await run('find', [directory, '-mindepth', '1', '-printf', '%P\t%y %m %U %G %s %l\\0'], big);
  const sums = await run('sh', ['-c', `cd "$0" && find . -type f -print0 | xargs -0 sha256sum --zero`, directory], big);
  const digests = new Map(
    sums.stdout
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => [line.slice(68), line.slice(0, 64)]),
  );
  const files = found.stdout
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => line.split('\t') as [string, string])
    // The size of a directory is the file system's own.
    .map(([path, facts]) => [path, facts.replace(/^(d .*) \d+ $/, '$1')] as const)
    .map(([path, facts]) => [`/${path}`, {facts, sha256: digests.get(path) ?? ''}] as const);
  const query = await run('dpkg-query', [
    `--admindir=${join(directory, 'var/lib/dpkg')}`,
    '--show',
    '--showformat=${Package}:${Architecture}\t${Version}\n',
  ]);
  const packages = query.stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t') as [string, string]);
  return {files: new Map(files), packages: new Map(packages)};
}

function expected(before: Listing, after: Listing): readonly string[] {
  const changes: string[] = [];
  for (const [path, {facts, sha256}] of before) {
    const now = after.get(path);
    if (now === undefined) changes.push(`removed ${path}`);
    else if (now.facts !== facts || now.sha256 !== sha256) changes.push(`changed ${path}`);
  }
  for (const path of after.keys()) if (!before.has(path)) changes.push(`added ${path}`);
  return changes.sort();
}

const told = ({files}: ImageDiff): readonly string[] => files.map(({change, path}) => `${change} ${path}`).sort();

async function diff(here: Workshop, a: string, b: string, ...flags: readonly string[]): Promise<ImageDiff> {
  const answer = await here.cli(['diff', a, b, '--json', ...flags]);
  if (answer.status !== 0) throw new Error(answer.stderr);
  return (JSON.parse(answer.stdout) as {readonly image: ImageDiff}).image;
}

test('diff agrees with tar of both root file systems and dpkg-query in both, for three pairs of images', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return;
  await ensureDebianImage(daemon);
  const here = workshop(t, daemon, {Dockerfile: dockerfile});
  const images = {base: debianImage, tree: `${here.tag}-tree`, less: `${here.tag}-less`};
  removeAfter(t, daemon, images.tree, images.less);
  for (const target of ['tree', 'less'] as const) {
    const output = target === 'less' ? ['--output', 'type=image', '--output', 'type=docker,dest=less.tar'] : [];
    const built = await here.cli(['--target', target, '-t', images[target], '--label', `run=${here.run}`, ...output]);
    t.is(built.status, 0, built.stderr);
  }
  const roots = new Map<string, Awaited<ReturnType<typeof independent>>>();
  for (const [name, image] of Object.entries(images)) {
    roots.set(name, await independent(daemon, image, join(here.temporary, name)));
  }
  const places = {...images, less: 'less.tar'};
  const diffs = new Map<string, ImageDiff>();
  for (const [a, b] of [
    ['base', 'tree'],
    ['tree', 'less'],
    ['less', 'base'],
  ] as const) {
    const [before, after] = [roots.get(a), roots.get(b)];
    const found = await diff(here, places[a], places[b]);
    diffs.set(`${a} ${b}`, found);
    t.true(found.files.length > 20);
    t.deepEqual(told(found), expected(before?.files ?? new Map(), after?.files ?? new Map()), `${a} ${b}`);
    t.is(found.a.packages, before?.packages.size ?? 0);
    for (const {name, architecture, before: old, after: now} of found.packages) {
      t.is(old, before?.packages.get(`${name}:${architecture}`), name);
      t.is(now, after?.packages.get(`${name}:${architecture}`), name);
    }
    const differing = [...(after?.packages ?? [])].filter(([key, version]) => before?.packages.get(key) !== version);
    t.is(found.packages.filter(({change}) => change !== 'removed').length, differing.length);
  }
  const changes = new Map(diffs.get('tree less')?.files.map((file): [string, FileChange] => [file.path, file]));
  t.deepEqual(changes.get('/opt')?.what, ['mode']);
  t.deepEqual(changes.get('/srv')?.what, ['owner']);
  t.deepEqual(changes.get('/etc/issue')?.what, ['type']);
  t.is(changes.get('/usr/bin/tree')?.package, 'tree:amd64');
  t.is(changes.get('/usr/share/doc/apt/copyright')?.package, 'apt:amd64');
  t.deepEqual(
    diffs.get('tree less')?.config.map(({name}) => name),
    ['Env X'],
  );
  // The same image from another place is the same image.
  const same = await diff(here, images.less, places.less);
  t.deepEqual([same.a.place, same.b.place], ['the daemon', 'an archive']);
  t.deepEqual([same.files, same.config, same.sharedLayers], [[], [], same.a.layers.length]);
});
