import {BuildError} from '../base/errors.js';
import {createImageSource, type SourceOptions} from '../drivers/embedded/images/open-source.js';
import {layerAsUser} from '../drivers/embedded/read-tree-as-user.js';
import {snapshotLayer, stepDiffOptions} from '../drivers/embedded/step-layers.js';
import type {Digest} from '../oci/digest.js';
import type {Platform} from '../oci/platform.js';
import {familiarName, parseReference} from '../oci/reference.js';
import {layerTar} from '../snapshot/diff.js';
import {hasBlob} from '../store/blobs.js';
import {chainIdOf, readChain} from '../store/layers.js';
import {findTags} from '../store/find-tags.js';
import {closeStore, openStore} from '../store/open.js';
import type {EndpointOptions} from '../registry/endpoint.js';
import type {Store} from '../store/store.js';
import {fromResolved, type ImageSource} from './image.js';

export interface StoreOptions {
  /** Absolute. */
  readonly root: string;
  /** An ordinary user's store keeps the owners that a user namespace has. */
  readonly rootless: boolean;
  readonly platform: Platform;
  readonly credentials: SourceOptions['credentials'];
  /** Mirrors, and hosts without a trusted certificate. */
  readonly registries?: EndpointOptions;
  readonly events: SourceOptions['events'];
}

/** An image of the store; undefined where it has none of this name. What is opened keeps it from a prune until `close`. */
export async function imageOfStore(
  text: string,
  options: StoreOptions,
  signal: AbortSignal,
): Promise<ImageSource | undefined> {
  const store = openStore(options.root, signal);
  try {
    const [tag] = findTags(store, text);
    if (tag !== undefined) return await opened(tag.reference, tag.platform, text, store, options, signal);
  } catch (error) {
    closeStore(store);
    throw error;
  }
  closeStore(store);
  return undefined;
}

/** An image by its reference, out of the store, else of its registry, from where its layers come to the store. */
export async function imageOfRegistry(
  reference: string,
  options: StoreOptions,
  signal: AbortSignal,
): Promise<ImageSource> {
  const store = openStore(options.root, signal);
  return opened(reference, options.platform, reference, store, options, signal, true);
}

/** The store is closed with what is opened, and where it cannot be. */
async function opened(
  reference: string,
  platform: Platform,
  name: string,
  store: Store,
  {events, credentials, registries, rootless}: StoreOptions,
  signal: AbortSignal,
  remote = false,
): Promise<ImageSource> {
  const images = createImageSource({...registries, store, events, pull: false, directory: '/', credentials});
  const close = async (): Promise<void> => {
    await images.close();
    closeStore(store);
  };
  const found = await images.resolve(reference, platform, signal).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const place = remote ? 'the registry' : `the store, as ${familiarName(parseReference(reference))}`;
  const plain = fromResolved(found, {name, place, close});
  let chainId: Digest | undefined;
  const layers = plain.layers.map((layer, index) => {
    chainId = chainIdOf(chainId, layer.diffId);
    const own = found.layers[index];
    const snapshot = own === undefined || hasBlob(store, own.digest) ? undefined : readChain(store, chainId);
    // Layers that steps made are compressed only when an output wants them: until then there are the files.
    return snapshot === undefined ? layer : {...layer, open: () => layerOf(store, snapshot, rootless, signal)};
  });
  return {...plain, layers};
}

async function* layerOf(
  store: Store,
  snapshot: string,
  rootless: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const layer = snapshotLayer(store, snapshot);
  if (layer === undefined) throw new BuildError('NOT_FOUND', 'the files of a layer are no longer in the store');
  const diff = await stepDiffOptions(store, layer, {rootless, clamp: undefined, readable: true});
  yield* rootless ? layerAsUser(diff, signal) : layerTar(diff);
}
