import type {Daemon} from '../drivers/docker/daemon.js';
import type {DockerEndpoint} from '../drivers/docker/endpoint.js';
import {BuildError} from '../base/errors.js';
import {type InstalledPackage, installedPackages} from './dpkg.js';
import type {FindOptions} from './find-image.js';
import {type LayerMemory, readImage} from './image.js';
import {imageOfStore} from './store-image.js';

/** Questions about an image that was just built. */
export interface ImageProbe {
  /** Bytes of the files of all its layers. */
  readonly size: number;
  packages(): Promise<readonly InstalledPackage[]>;
  /** Whether something is at an absolute path, symlinks on the way followed. */
  hasFile(path: string): Promise<boolean>;
  close(): Promise<void>;
}

/** A probe for an image by its tag, in the daemon where one is given, else in the store. Rejects with NOT_FOUND. */
export async function probeImage(
  tag: string,
  options: Pick<FindOptions, 'daemon' | 'root' | 'rootless' | 'platform' | 'credentials' | 'events'>,
  memory: LayerMemory,
  signal: AbortSignal,
): Promise<ImageProbe> {
  if (options.daemon !== undefined) return daemonProbe(tag, options.daemon, signal);
  const source = await imageOfStore(tag, options, signal);
  if (source === undefined) throw new BuildError('NOT_FOUND', `the store has no image ${tag}`);
  try {
    const content = await readImage(source, memory, signal);
    return {
      size: content.bytes,
      packages: () => Promise.resolve([...content.packages.values()]),
      hasFile: (path) => Promise.resolve(content.has(path)),
      close: () => Promise.resolve(),
    };
  } finally {
    await source.close();
  }
}

/** Asks the daemon file by file: its whole image would have to be written to the disk to look into it. */
async function daemonProbe(tag: string, endpoint: DockerEndpoint, signal: AbortSignal): Promise<ImageProbe> {
  const {openDaemon} = await import('../drivers/docker/daemon.js');
  const {inspectImage} = await import('../drivers/docker/api.js');
  const daemon = await openDaemon(endpoint, signal);
  try {
    const {Size: size} = await inspectImage(daemon, tag, signal);
    let packages: Promise<readonly InstalledPackage[]> | undefined;
    return {
      size: size ?? 0,
      packages: () => (packages ??= daemonPackages(daemon, tag, signal)),
      hasFile: async (path) => (await readFile(daemon, tag, path, signal)) !== undefined,
      close: () => {
        daemon.close();
        return Promise.resolve();
      },
    };
  } catch (error) {
    daemon.close();
    throw error;
  }
}

async function daemonPackages(daemon: Daemon, tag: string, signal: AbortSignal): Promise<readonly InstalledPackage[]> {
  const status = await readFile(daemon, tag, '/var/lib/dpkg/status', signal, true);
  return status === undefined ? [] : [...installedPackages(new Map([['var/lib/dpkg/status', status]])).values()];
}

/** Content of a file, empty unless `whole`; undefined where nothing is at the path. */
async function readFile(
  daemon: Daemon,
  tag: string,
  path: string,
  signal: AbortSignal,
  whole = false,
): Promise<Buffer | undefined> {
  const {readStage} = await import('../drivers/docker/stage-images.js');
  const {readTar} = await import('../base/tar-entries.js');
  try {
    for await (const {content} of readTar(readStage(daemon, tag, path, signal), signal)) {
      if (!whole) return Buffer.alloc(0);
      const pieces: Uint8Array[] = [];
      for await (const piece of content()) pieces.push(piece);
      return Buffer.concat(pieces);
    }
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'NOT_FOUND') throw error;
  }
  return undefined;
}
