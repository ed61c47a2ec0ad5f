import {BuildError, messageOf, quote} from '../../base/errors.js';
import {callJson, imagePath, inspectImage, statusOf} from './api.js';
import {bodyOf, type Daemon} from './daemon.js';

/** Label of the images that are made of stages to read them. */
export const stageLabel = 'build-image.stage';

/** What was made is removed even when the build is cancelled. */
const never = new AbortController().signal;

/**
 * Tar stream of `path` in an image, from a container that is created, never started, and removed. Rejects with NOT_FOUND
 * where the path is absent.
 */
export async function* readStage(
  daemon: Daemon,
  image: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted();
  const container = await createContainer(daemon, image, path);
  try {
    const archive = `${container}/archive?path=${encodeURIComponent(path)}`;
    const content = await daemon.request({method: 'GET', path: archive}, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      const absent = statusOf(error) === 404;
      throw new BuildError(
        absent ? 'NOT_FOUND' : 'DAEMON_FAILED',
        absent ? `no ${quote(path)} in the stage` : `the daemon gave no archive of ${quote(path)}: ${messageOf(error)}`,
        {cause: error},
      );
    });
    yield* bodyOf(daemon, content, signal);
  } finally {
    await callJson(daemon, 'DELETE', `${container}?force=1&v=1`, never).catch(ignoreGone);
  }
}

/** Path of a new container in the API. Not ended by a signal: what it made would have no name then. */
async function createContainer(daemon: Daemon, image: string, path: string): Promise<string> {
  // An image without a command cannot be made a container of; this one never runs.
  const options = {Image: image, Cmd: ['-'], Entrypoint: [], NetworkDisabled: true};
  try {
    const {Id: id} = (await callJson(daemon, 'POST', '/containers/create', never, options)) as {readonly Id: string};
    return `/containers/${id}`;
  } catch (error) {
    throw new BuildError(
      'DAEMON_FAILED',
      `the daemon made no container to read ${quote(path)} from: ${messageOf(error)}`,
      {cause: error},
    );
  }
}

/** Removes an image that has no tag; one that got a tag meanwhile, or that something uses, stays. */
export async function removeImage(daemon: Daemon, image: string): Promise<void> {
  try {
    const {RepoTags: tags} = await inspectImage(daemon, image, never);
    if (tags?.length) return;
    await callJson(daemon, 'DELETE', `${imagePath(image)}?noprune=1`, never);
  } catch (error) {
    ignoreGone(error);
  }
}

// 404: gone already; 409: in use, by somebody else.
function ignoreGone(error: unknown): void {
  if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
}
