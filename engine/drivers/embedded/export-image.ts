import {BuildError} from '../../base/errors.js';
import {layerCompression} from '../../oci/media-types.js';
import {configLimit} from '../../oci/parse-config.js';
import {familiarName, formatReference, normalReference, type Reference, withDefaultTag} from '../../oci/reference.js';
import type {EndpointOptions} from '../../registry/endpoint.js';
import {compressLayer} from '../../snapshot/compressed-layer.js';
import {claimBlob, readBlob, readBlobBytes, readBlobFrom} from '../../store/blobs.js';
import {readCompressed, writeCompressed} from '../../store/compressed.js';
import {chainIdOf} from '../../store/layers.js';
import {closeStore, openStore} from '../../store/open.js';
import {claimSnapshot, snapshotFs} from '../../store/snapshots.js';
import type {Store} from '../../store/store.js';
import {listTags, readTag, type Tag} from '../../store/tags.js';
import type {BuildRequest, ExportedImage, ExportedLayer, LayerForm, ReadyLayer} from '../driver.js';
import {createImageSource} from './images/open-source.js';
import {layerOfStep} from './layer-blobs.js';
import {makeLayerAsUser} from './make-layer-as-user.js';
import {readTree} from './read-tree.js';
import {readTreeAsUser} from './read-tree-as-user.js';
import type {BaseLayer} from './solve/tree.js';
import {isRootless} from './rootless.js';

export interface ExportOptions {
  /** The store, absolute. */
  readonly root: string;
  readonly uid: number;
  /** For layers of a base image that were never needed so far. */
  readonly credentials: BuildRequest['credentials'];
  /** Mirrors, and hosts without a trusted certificate, for the same. */
  readonly registries?: EndpointOptions;
}

/**
 * An image of the store by its name. Layers that builds have made are compressed when somebody wants their bytes, and kept.
 * Rejects with NOT_FOUND where there is no such name.
 */
export async function exportFromStore(
  reference: Reference,
  options: ExportOptions,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const store = openStore(options.root, signal);
  const quiet = {emit: () => undefined};
  const source = createImageSource({
    ...options.registries,
    store,
    events: quiet,
    pull: false,
    directory: '/',
    credentials: options.credentials,
  });
  const close = async (): Promise<void> => {
    await source.close();
    closeStore(store);
  };
  try {
    const name = formatReference(withDefaultTag(reference));
    const tag = readTag(store, name);
    if (tag === undefined) throw noSuchImage(store, reference);
    for (const id of tag.snapshots) claimSnapshot(store, id);
    const image = await source.resolve(name, tag.platform, signal);
    const layers: ExportedLayer[] = [];
    let chainId: BaseLayer['chainId'] | undefined;
    for (const layer of image.layers) {
      chainId = chainIdOf(chainId, layer.diffId);
      layers.push(exported(store, {kind: 'base', image, layer, chainId}, options));
    }
    return {
      driver: 'embedded',
      configBytes: readBlobBytes(store, tag.configDigest, configLimit),
      configDigest: tag.configDigest,
      config: image.config,
      layers,
      readTree: (path, abort) => treeOf(store, tag, path, isRootless(options.uid), abort),
      digestOf: (other) => Promise.resolve(tagOf(store, other)?.manifestDigest),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function tagOf(store: Store, reference: string): Tag | undefined {
  // A layout or an archive has no name here.
  const name = normalReference(reference);
  return name === undefined ? undefined : readTag(store, name);
}

function noSuchImage(store: Store, reference: Reference): BuildError {
  const names = listTags(store.root).map((tag) => tag.reference);
  return new BuildError('NOT_FOUND', `the store has no image ${familiarName(withDefaultTag(reference))}`, {
    remedy: `Build it first${names.length === 0 ? '.' : `, or name another with --image; it has ${names.slice(0, 10).join(', ')}.`}`,
  });
}

function exported(store: Store, layer: BaseLayer, options: ExportOptions): ExportedLayer {
  const {diffId, mediaType, digest, size} = layer.layer;
  const remembered = readCompressed(store, diffId);
  // A base that came compressed stays as it came.
  const asItCame = layerCompression(mediaType) === 'none' ? undefined : {mediaType, digest, size};
  const known = asItCame ?? formOf(remembered);
  let made: Promise<ReadyLayer> | undefined;
  return {
    diffId,
    known,
    places: remembered !== undefined && remembered.digest === known?.digest ? remembered.places : [],
    ready(signal, progress) {
      made ??= makeReady(store, layer, known, options, signal, progress);
      // One that was cancelled or failed is tried again.
      made.catch(() => (made = undefined));
      return made;
    },
    keptBy: (place, form) => writeCompressed(store, diffId, form, [place]),
  };
}

function formOf(found: LayerForm | undefined): LayerForm | undefined {
  return found === undefined ? undefined : {mediaType: found.mediaType, digest: found.digest, size: found.size};
}

async function makeReady(
  store: Store,
  layer: BaseLayer,
  known: LayerForm | undefined,
  {root, uid}: ExportOptions,
  signal: AbortSignal,
  progress: (current: number, total: number) => void = () => undefined,
): Promise<ReadyLayer> {
  if (known !== undefined && claimBlob(store, known.digest)) return readable(store, known);
  const {image, layer: stored} = layer;
  const tell = (current: number): void => progress(current, stored.size);
  if (layerCompression(stored.mediaType) !== 'none') {
    await image.fetch(signal, [stored]);
    return readable(store, {mediaType: stored.mediaType, digest: stored.digest, size: stored.size});
  }
  if (!claimBlob(store, stored.digest)) {
    // An ordinary user may not read the files of a container that belong to other ids.
    const form = isRootless(uid)
      ? await makeLayerAsUser(root, layer, signal)
      : await layerOfStep(store, layer, false, signal);
    if (form !== undefined && claimBlob(store, form.digest)) {
      writeCompressed(store, stored.diffId, form);
      return readable(store, form);
    }
    await image.fetch(signal, [stored]);
  }
  return readable(store, await compressLayer(store, readBlob(store, stored.digest), signal, tell));
}

function readable(store: Store, {mediaType, digest, size}: LayerForm): ReadyLayer {
  return {mediaType, digest, size, open: (offset) => readBlobFrom(store, digest, offset)};
}

function treeOf(
  store: Store,
  tag: Tag,
  path: string,
  rootless: boolean,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  const directories = tag.snapshots.map((id) => snapshotFs(store, id)).reverse();
  if (directories.length === 0) throw new BuildError('NOT_FOUND', `${tag.reference} was never unpacked`);
  return rootless
    ? readTreeAsUser(directories, path, 'user.overlay.', signal)
    : readTree(directories, path, 'trusted.overlay.', signal);
}
