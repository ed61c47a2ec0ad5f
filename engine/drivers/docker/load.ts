import {createReadStream} from 'node:fs';
import type {Readable} from 'node:stream';
import type Dockerode from 'dockerode';
import {BuildError, messageOf} from '../../base/errors.js';
import {ndjson} from './classic/ndjson.js';

/**
 * Loads an image archive (`docker save`) into the daemon. Rejects with DAEMON_FAILED where the daemon refuses it, with
 * the signal's reason when aborted.
 */
export async function loadArchive(docker: Dockerode, path: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return loadStream(docker, createReadStream(path), path, signal);
}

/** The same, while the archive is made; it is destroyed where the daemon does not take it. `name` is for messages. */
export async function loadStream(
  docker: Dockerode,
  archive: Readable,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  let answer: NodeJS.ReadableStream | undefined;
  const close = () => {
    archive.destroy();
    if (answer !== undefined && 'destroy' in answer) (answer as Readable).destroy();
  };
  signal.addEventListener('abort', close, {once: true});
  try {
    answer = await docker.loadImage(archive, {quiet: true});
    // The daemon answers 200 even for an archive that it refuses, so every line is looked at for `error`.
    for await (const {error} of ndjson(answer as unknown as AsyncIterable<Uint8Array>)) {
      if (typeof error === 'string') throw new BuildError('DAEMON_FAILED', `the daemon refuses ${name}: ${error}`);
    }
    signal.throwIfAborted();
  } catch (error) {
    // The client surfaces an abort as a broken connection.
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw new BuildError('DAEMON_FAILED', `cannot load ${name} into the daemon: ${messageOf(error)}`, {cause: error});
  } finally {
    signal.removeEventListener('abort', close);
    close();
  }
}
