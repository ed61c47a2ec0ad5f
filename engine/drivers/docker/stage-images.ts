import {BuildError, messageOf, quote} from '../../base/errors.js';
import type {Daemon} from './daemon.js';

/** Label of the images that are made of stages to read them. */
export const stageLabel = 'build-image.stage';

/** HTTP status of an error that dockerode made of the daemon's answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as {statusCode?: unknown} | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

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
  const client = await daemon.client();
  signal.throwIfAborted();
  // An image without a command cannot be made a container of; this one never runs.
  const container = await client
    .createContainer({Image: image, Cmd: ['-'], Entrypoint: [], NetworkDisabled: true})
    .catch((error: unknown) => {
      throw new BuildError(
        'DAEMON_FAILED',
        `the daemon made no container to read ${quote(path)} from: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    });
  try {
    const archive = await container.getArchive({path, abortSignal: signal}).catch((error: unknown) => {
      signal.throwIfAborted();
      const absent = statusOf(error) === 404;
      throw new BuildError(
        absent ? 'NOT_FOUND' : 'DAEMON_FAILED',
        absent ? `no ${quote(path)} in the stage` : `the daemon gave no archive of ${quote(path)}: ${messageOf(error)}`,
        {cause: error},
      );
    });
    for await (const chunk of archive) {
      signal.throwIfAborted();
      yield chunk as Uint8Array;
    }
  } finally {
    await container.remove({force: true, v: true}).catch(ignoreGone);
  }
}

/** Removes an image that has no tag; one that got a tag meanwhile, or that something uses, stays. */
export async function removeImage(daemon: Daemon, image: string): Promise<void> {
  const client = await daemon.client();
  const found = client.getImage(image);
  try {
    const {RepoTags: tags} = await found.inspect();
    if ((tags as string[] | undefined)?.length) return;
    await found.remove({noprune: true});
  } catch (error) {
    ignoreGone(error);
  }
}

// 404: gone already; 409: in use, by somebody else.
function ignoreGone(error: unknown): void {
  if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
}
