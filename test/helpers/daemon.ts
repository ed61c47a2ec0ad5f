import {existsSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import type {ExecutionContext} from 'ava';
import Docker from 'dockerode';
import {pack} from 'tar-stream';
import type {DockerEndpoint} from '../../engine/drivers/docker/endpoint.js';

/** `debian`: the daemon of Debian's docker.io; `current`: a newer one, where the machine has it. */
export type DaemonKind = 'debian' | 'current';

const variables: Readonly<Record<DaemonKind, string>> = {
  debian: 'BUILD_IMAGE_TEST_DOCKER',
  current: 'BUILD_IMAGE_TEST_DOCKER_CURRENT',
};

export interface TestDaemon {
  readonly kind: DaemonKind;
  readonly socket: string;
  readonly endpoint: DockerEndpoint;
  readonly docker: Docker;
}

/**
 * The daemon that a variable of the environment names by the path of its socket. Without one the test ends at once, with
 * the reason in the log; with CI=true a missing `debian` is a failure.
 */
export function daemonOrSkip(t: ExecutionContext, kind: DaemonKind): TestDaemon | undefined {
  const socket = process.env[variables[kind]] ?? '';
  if (socket === '' || !existsSync(socket)) {
    const reason = `skipped: ${variables[kind]} names no socket of a Docker daemon`;
    if (process.env['CI'] === 'true' && kind === 'debian') t.fail(reason);
    else t.log(reason);
    t.pass();
    return undefined;
  }
  const docker = new Docker({host: undefined, socketPath: socket});
  return {kind, socket, endpoint: {kind: 'unix', path: socket, from: 'default'}, docker};
}

const busybox = '/bin/busybox';
const applets = [
  'sh',
  'cat',
  'ls',
  'echo',
  'sleep',
  'mkdir',
  'touch',
  'cp',
  'rm',
  'stat',
  'head',
  'dd',
  'find',
  'env',
  'id',
  'printf',
  'test',
  'true',
  'false',
  'sha256sum',
  'readlink',
  'wget',
  'chmod',
  'nc',
  'seq',
];

/** Makes sure that the daemon has an image of Debian's static busybox, and gives its name. */
export async function busyboxImage({docker}: TestDaemon): Promise<string> {
  const name = 'build-image-test/busybox:1';
  if (await exists(docker, name)) return name;
  if (!existsSync(busybox)) throw new Error(`${busybox} is missing: install busybox-static`);
  const archive = pack();
  archive.entry({name: 'bin/', type: 'directory', mode: 0o755});
  archive.entry({name: 'tmp/', type: 'directory', mode: 0o1777});
  archive.entry({name: 'etc/', type: 'directory', mode: 0o755});
  archive.entry({name: 'etc/passwd'}, 'root:x:0:0:root:/root:/bin/sh\n');
  archive.entry({name: 'bin/busybox', mode: 0o755}, await readFile(busybox));
  for (const applet of applets) archive.entry({name: `bin/${applet}`, type: 'symlink', linkname: 'busybox'});
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  const [repo, tag] = name.split(':');
  await text(await docker.importImage(Readable.from([Buffer.concat(chunks)]), {repo, tag, changes: 'ENV PATH=/bin'}));
  return name;
}

async function exists(docker: Docker, name: string): Promise<boolean> {
  return docker
    .getImage(name)
    .inspect()
    .then(
      () => true,
      () => false,
    );
}

/** Removes an image when the test ends. */
export function removeAfter(t: ExecutionContext, {docker}: TestDaemon, ...names: readonly string[]): void {
  t.teardown(async () => {
    for (const name of names)
      await docker
        .getImage(name)
        .remove({force: true})
        .catch(() => undefined);
  });
}

/** Containers, and images without a tag, that have the label: those of a build that was given it. */
export async function leftovers(
  {docker}: TestDaemon,
  label: string,
): Promise<{readonly containers: readonly string[]; readonly untagged: readonly string[]}> {
  const [containers, images] = await Promise.all([
    docker.listContainers({all: true, filters: {label: [label]}}),
    docker.listImages({filters: {dangling: ['true'], label: [label]}}),
  ]);
  return {containers: containers.map(({Id}) => Id), untagged: images.map(({Id}) => Id)};
}
