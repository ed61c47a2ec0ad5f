import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {DebianBaseImage} from '../../../engine/bases/debian.js';
import {importBase} from '../../../engine/drivers/embedded/import-base.js';
import type {ContainerConfig} from '../../../engine/oci/config.js';
import {defaultMtime, type Tree} from './case.js';
import {makeTree} from './tree.js';

/** Where Debian's busybox-static is. */
const busybox = '/bin/busybox';

/** Not compared: it depends on the version of busybox. */
export const notListed: ReadonlySet<string> = new Set(['bin']);

const files: Tree = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:100::/nowhere:/bin/sh\n',
  'etc/group': 'root:x:0:\nusers:x:100:alice\naudio:x:29:alice,bob\nalice:x:1000:\nstaff:x:50:\n',
  'etc/hostname': {content: 'base\n', mode: 0o600},
  'etc/app/one.conf': '1\n',
  'etc/app/two.conf': {content: '2\n', mode: 0o640},
  'home/alice/.profile': 'p\n',
  root: {directory: true, mode: 0o700},
  tmp: {directory: true, mode: 0o1777},
  'srv/data/a': 'a\n',
  'srv/data/b': 'b\n',
  'srv/data/deep/c': 'c\n',
  'srv/link': {link: 'data'},
  'srv/hard1': 'hard\n',
  'srv/hard2': {hardlink: 'srv/hard1'},
  'srv/setuid': {content: 's\n', mode: 0o4755},
  'srv/cap': {content: 'cap\n', mode: 0o755},
  'srv/empty': {directory: true},
  proc: {directory: true},
  sys: {directory: true},
  dev: {directory: true},
};

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Configs by the name that FROM uses. */
const configs: Readonly<Record<string, ContainerConfig>> = {
  'conformance-base': {Env: [path], Cmd: ['/bin/sh'], WorkingDir: '/'},
  'conformance-rich': {
    User: 'alice',
    ExposedPorts: {'80/tcp': {}},
    Env: [path, 'COLOUR=red', 'EMPTY='],
    Entrypoint: ['/bin/sh', '-c'],
    Cmd: ['echo base'],
    Volumes: {'/srv/volume': {}},
    WorkingDir: '/home/alice',
    Labels: {'org.example.name': 'base', keep: 'me'},
    StopSignal: 'SIGINT',
    Healthcheck: {Test: ['CMD', 'true'], Interval: 5_000_000_000},
    Shell: ['/bin/sh', '-e', '-c'],
  },
  'conformance-onbuild': {
    Env: [path],
    Cmd: ['/bin/sh'],
    OnBuild: ['ENV TRIGGERED=yes', 'COPY one /from-trigger', 'RUN echo "$TRIGGERED" > /ran && ls /from-trigger'],
  },
};

/** Makes the base images' only layer in `work`. The same bytes for the same busybox. */
function makeLayer(work: string): string {
  const root = join(work, 'base-root');
  const layer = join(work, 'base-layer.tar');
  mkdirSync(join(root, 'bin'), {recursive: true});
  chmodSync(root, 0o755);
  copyFileSync(busybox, join(root, 'bin/busybox'));
  chmodSync(join(root, 'bin/busybox'), 0o755);
  const applets = execFileSync(busybox, ['--list'], {encoding: 'utf8'}).trim().split('\n');
  const links = applets.filter((name) => name !== 'busybox').map((name) => [`bin/${name}`, {link: 'busybox'}] as const);
  makeTree(root, {...Object.fromEntries(links), ...files});
  execFileSync('chown', ['-R', '1000:1000', join(root, 'home/alice')]);
  const times = [`--mtime=@${defaultMtime}`, '--sort=name', '--numeric-owner', '--format=pax'];
  const plain = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime';
  execFileSync('tar', ['-C', root, ...times, plain, '-cf', layer, 'bin', ...rootNames()]);
  rmSync(root, {recursive: true});
  return layer;
}

const rootNames = (): string[] => [...new Set(Object.keys(files).map((name) => name.split('/')[0] ?? ''))].sort();

/** The base images as they are made of the layer. */
export function baseImages(work: string): readonly DebianBaseImage[] {
  const layerPath = makeLayer(work);
  const hash = createHash('sha256').update(readFileSync(layerPath)).digest('hex');
  return Object.entries(configs).map(([name, config]) => ({
    reference: `${name}:latest`,
    layerPath,
    diffId: `sha256:${hash}`,
    size: statSync(layerPath).size,
    created: '2020-01-02T03:04:05Z',
    cached: false,
    config: {
      architecture: 'amd64',
      os: 'linux',
      created: '2020-01-02T03:04:05Z',
      config,
      rootfs: {type: 'layers', diff_ids: [`sha256:${hash}`]},
      history: [{created: '2020-01-02T03:04:05Z', created_by: name}],
    },
  }));
}

/** A docker archive of the base images in `work`, for `docker load`. */
export function baseArchive(work: string): string {
  const images = baseImages(work);
  const directory = join(work, 'base-archive');
  mkdirSync(directory);
  const manifest = images.map(({reference, config}) => {
    const name = `${reference.split(':')[0] ?? ''}.json`;
    writeFileSync(join(directory, name), JSON.stringify(config));
    return {Config: name, RepoTags: [reference], Layers: ['layer.tar']};
  });
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  copyFileSync(images[0]?.layerPath ?? '', join(directory, 'layer.tar'));
  const archive = join(work, 'bases.tar');
  execFileSync('tar', ['-C', directory, '-cf', archive, '.']);
  return archive;
}

/** Puts the base images into the store at `root`. */
export async function importBases(root: string, work: string): Promise<void> {
  for (const image of baseImages(work)) await importBase(root, image, AbortSignal.timeout(60_000));
}
