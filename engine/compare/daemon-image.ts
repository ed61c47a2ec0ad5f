import {createWriteStream} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {imagePath, inspectImage, statusOf} from '../drivers/docker/api.js';
import {bodyOf, openDaemon} from '../drivers/docker/daemon.js';
import type {DockerEndpoint} from '../drivers/docker/endpoint.js';
import {openArchive} from '../drivers/embedded/images/archive-file.js';
import {imageFromArchive} from '../drivers/embedded/images/archive-image.js';
import type {Platform} from '../oci/platform.js';
import {fromResolved, type ImageSource} from './image.js';

/** An image of a daemon, by name or ID; undefined where it has none. It is saved to a temporary file until `close`. */
export async function imageOfDaemon(
  name: string,
  endpoint: DockerEndpoint,
  platform: Platform,
  signal: AbortSignal,
): Promise<ImageSource | undefined> {
  const daemon = await openDaemon(endpoint, signal);
  try {
    try {
      await inspectImage(daemon, name, signal);
    } catch (error) {
      // 404: not here; 400: no reference that this daemon understands.
      if (statusOf(error) === 404 || statusOf(error) === 400) return undefined;
      throw error;
    }
    const work = await mkdtemp(join(tmpdir(), 'build-image-compare-'));
    try {
      const file = join(work, 'image.tar');
      const saved = await daemon.request({method: 'GET', path: `${imagePath(name)}/get`}, signal);
      await pipeline(bodyOf(daemon, saved, signal), createWriteStream(file), {signal});
      const archive = await openArchive(file, signal);
      const image = await imageFromArchive(archive, undefined, platform, signal);
      const close = async (): Promise<void> => {
        await archive.close();
        await rm(work, {recursive: true, force: true});
      };
      return fromResolved(image, {name, place: 'the daemon', close});
    } catch (error) {
      await rm(work, {recursive: true, force: true});
      throw error;
    }
  } finally {
    daemon.close();
  }
}
