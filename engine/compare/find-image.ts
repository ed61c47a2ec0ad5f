import {BuildError, quote} from '../base/errors.js';
import {nearest} from '../base/nearest.js';
import type {DockerEndpoint} from '../drivers/docker/endpoint.js';
import {familiarName, normalReference, parseReference} from '../oci/reference.js';
import {closeStore, openStore} from '../store/open.js';
import {listTags} from '../store/tags.js';
import {imageOfFile} from './file-image.js';
import type {ImageSource} from './image.js';
import {imageOfRegistry, imageOfStore, type StoreOptions} from './store-image.js';

export interface FindOptions extends StoreOptions {
  /** What relative paths are relative to; absolute. */
  readonly directory: string;
  /** The daemon that may be asked; undefined: none. */
  readonly daemon: DockerEndpoint | undefined;
  /** Whether the registry may be asked for a name that nobody here has. */
  readonly mayPull: boolean;
}

/**
 * The image that a text means: an OCI layout or archive on disk, a name, ID or digest that the daemon or the store has, or a
 * reference in a registry, in this order. Rejects with NOT_FOUND, saying where it was looked for.
 */
export async function findImage(text: string, options: FindOptions, signal: AbortSignal): Promise<ImageSource> {
  const {directory, platform, daemon, mayPull} = options;
  const file = await imageOfFile(text, directory, platform, signal);
  if (file !== undefined) return file;
  if (daemon !== undefined) {
    const {imageOfDaemon} = await import('./daemon-image.js');
    const found = await imageOfDaemon(text, daemon, platform, signal);
    if (found !== undefined) return found;
  }
  const stored = await imageOfStore(text, options, signal);
  if (stored !== undefined) return stored;
  if (mayPull && normalReference(text) !== undefined && !/^[0-9a-f]{12,64}$/.test(text)) {
    try {
      return await imageOfRegistry(text, options, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BuildError)) throw error;
      throw notFound(text, options, error);
    }
  }
  throw notFound(text, options, undefined);
}

function notFound(text: string, {root, daemon, directory}: FindOptions, cause: BuildError | undefined): BuildError {
  const store = openStore(root, new AbortController().signal);
  const names = listTags(store.root).map(({reference}) => familiarName(parseReference(reference)));
  closeStore(store);
  const near = nearest(text, names);
  const places = [`files below ${directory}`, ...(daemon === undefined ? [] : ['the daemon']), 'the store'];
  const registry = cause === undefined ? '' : `; the registry: ${cause.message}`;
  return new BuildError(
    'NOT_FOUND',
    `there is no image ${quote(text)}${near === undefined ? '' : ` (did you mean "${near}"?)`}`,
    {
      remedy: `Looked for it in ${places.join(', ')}${registry}. "build-image images" and "docker images" list what there is.`,
      ...(cause !== undefined && {cause}),
    },
  );
}
