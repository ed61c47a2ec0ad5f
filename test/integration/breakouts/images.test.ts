import {readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {archive} from '../../helpers/archive.js';
import {fine, type LayoutParts, writeLayout} from './layout.js';
import {attack, type Attack, type Range} from './range.js';

/** An OCI layout that is hostile as a whole. `damage` gets its directory. */
function layout(
  title: string,
  parts: Partial<LayoutParts>,
  more: Partial<Attack> = {},
  damage: (directory: string, range: Range) => void = () => undefined,
): void {
  attack(`an OCI layout: ${title}`, (range) => {
    const directory = join(range.beside, 'layout');
    writeLayout(directory, {layers: [fine], ...parts});
    damage(directory, range);
    return {
      dockerfile: 'FROM evil\nCOPY Dockerfile /probe\n',
      ends: 'refused',
      ...more,
      args: ['--build-context', `evil=oci-layout://${directory}`],
    };
  });
}

/** Files of blobs, the largest first. */
const blobsOf = (directory: string): readonly string[] =>
  readdirSync(join(directory, 'blobs/sha256'))
    .map((name) => join(directory, 'blobs/sha256', name))
    .sort((a, b) => statSync(b).size - statSync(a).size);

const first = (list: unknown): Record<string, unknown> => (list as Record<string, unknown>[])[0] ?? {};
const withLayer = (change: Record<string, unknown>) => (manifest: Record<string, unknown>) => ({
  ...manifest,
  layers: [{...first(manifest['layers']), ...change}],
});
const withManifest = (change: Record<string, unknown>) => (index: Record<string, unknown>) => ({
  ...index,
  manifests: [{...first(index['manifests']), ...change}],
});

layout('a layer whose bytes are not its digest', {}, {says: /digest|gzip/i}, (directory) => {
  for (const path of blobsOf(directory)) {
    const bytes = readFileSync(path);
    if (bytes[0] !== 0x1f) continue;
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
  }
});
layout('a layer of another size than the manifest says', {manifest: withLayer({size: 7})}, {says: /size|bytes/});
layout('a size of nine petabytes', {manifest: withLayer({size: 9_007_199_254_740_991})});
layout('a negative size', {manifest: withLayer({size: -5})});
layout(
  'a digest that is a path',
  {manifest: withLayer({digest: 'sha256:../../../../../../etc/passwd'})},
  {says: /digest/i},
);
layout('a digest of an algorithm that is a path', {index: withManifest({digest: '../../etc:abc'})}, {says: /digest/i});
layout('blobs that are symlinks to the host', {}, {says: /not a regular file/}, (directory, {host}) => {
  for (const path of blobsOf(directory)) {
    rmSync(path);
    symlinkSync(join(host, 'secret'), path);
  }
});
layout('index.json that is a symlink to the host', {}, {says: /not a regular file/}, (directory, {host}) => {
  rmSync(join(directory, 'index.json'));
  symlinkSync(join(host, 'secret'), join(directory, 'index.json'));
});
layout('index.json of 100,000 nested lists', {}, {}, (directory) =>
  writeFileSync(join(directory, 'index.json'), `{"schemaVersion":2,"manifests":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
);
layout('index.json of 64 MB', {}, {says: /more than/}, (directory) =>
  writeFileSync(join(directory, 'index.json'), `{"schemaVersion":2,"x":"${'y'.repeat(64 << 20)}"}`),
);
layout('a configuration of 3,000 nested objects', {
  config: {config: JSON.parse(`${'{"Labels":'.repeat(3000)}{}${'}'.repeat(3000)}`) as Record<string, unknown>},
});
layout(
  'keys with a meaning for JavaScript',
  {
    config: JSON.parse('{"__proto__":{"x":1},"config":{"Labels":{"__proto__":"1","constructor":"2"}}}') as Record<
      string,
      unknown
    >,
  },
  {ends: 'contained'},
);
layout('an index of itself', {}, {}, (directory) => {
  const path = join(directory, 'index.json');
  const index = JSON.parse(readFileSync(path, 'utf8')) as {manifests: Record<string, unknown>[]};
  const manifest = first(index.manifests);
  const blob = join(directory, 'blobs/sha256', String(manifest['digest']).slice(7));
  // A digest cannot be that of what holds it: a chain of the same index is the nearest there is.
  writeFileSync(blob, readFileSync(path));
  manifest['mediaType'] = 'application/vnd.oci.image.index.v1+json';
  writeFileSync(path, JSON.stringify(index));
});
layout(
  'a user, a working directory and volumes that climb out',
  {
    config: {config: {User: '../../x', WorkingDir: '../../../../tmp', Volumes: {'/../../..': {}}}},
  },
  {ends: 'either'},
);
layout('ONBUILD triggers that name the host', {
  config: {config: {OnBuild: ['COPY ../../../../etc/shadow /', 'FROM scratch']}},
});

attack('a docker archive: names that climb out, and links to the host', ({beside, host}) => {
  const path = join(beside, 'image.tar');
  const manifest = JSON.stringify([{Config: '../../config.json', RepoTags: ['e:1'], Layers: ['layer.tar']}]);
  writeFileSync(
    path,
    archive(
      {name: 'manifest.json', content: manifest},
      {name: 'config.json', type: 'symlink', link: join(host, 'secret')},
      {name: 'layer.tar', type: 'symlink', link: `../../../..${host}/secret`},
    ),
  );
  return {
    dockerfile: 'FROM evil\nCOPY Dockerfile /probe\n',
    args: ['--build-context', `evil=docker-archive://${path}`],
    ends: 'refused',
  };
});

attack('a giant passwd and group file, and lines without an end', ({beside}) => {
  const directory = join(beside, 'layout');
  writeLayout(directory, {
    layers: [
      archive(
        {name: 'etc/passwd', content: Buffer.alloc(8 << 20, 'x')},
        {name: 'etc/group', content: Buffer.alloc(4_194_304, '\n')},
      ),
    ],
  });
  return {
    dockerfile: 'FROM evil\nCOPY --chown=somebody Dockerfile /probe\n',
    args: ['--build-context', `evil=oci-layout://${directory}`],
    ends: 'refused',
    says: /larger than 4194304 bytes/,
  };
});

attack('passwd that is a pipe, and group that is a link to the host', ({beside, host}) => {
  const directory = join(beside, 'layout');
  writeLayout(directory, {
    layers: [
      archive({name: 'etc/passwd', type: 'fifo'}, {name: 'etc/group', type: 'symlink', link: join(host, 'secret')}),
    ],
  });
  return {
    dockerfile: 'FROM evil\nCOPY --chown=somebody:something Dockerfile /probe\n',
    args: ['--build-context', `evil=oci-layout://${directory}`],
    ends: 'contained',
  };
});
