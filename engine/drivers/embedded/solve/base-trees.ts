import {BuildError, messageOf} from '../../../base/errors.js';
import type {Digest} from '../../../oci/digest.js';
import {layerCompression} from '../../../oci/media-types.js';
import {formatPlatform, type Platform} from '../../../oci/platform.js';
import {layersKey} from '../../../plan/cache-key.js';
import type {EventSink} from '../../../progress/events.js';
import {decompress} from '../../../snapshot/decompress.js';
import type {Source} from '../../../stages/graph.js';
import {chainIdOf, readChain, writeChain} from '../../../store/layers.js';
import {withLock} from '../../../store/locks.js';
import {completeSnapshot, discardSnapshot, newSnapshot, snapshotChain} from '../../../store/snapshots.js';
import type {Store} from '../../../store/store.js';
import type {ImageLayer, ResolvedImage} from '../images/image-source.js';
import {applyVerified} from '../apply-verified.js';
import {NotCached} from './not-cached.js';
import {sourceId} from './solver.js';
import {type BaseLayer, emptyTree, type Tree} from './tree.js';

/** File systems that come from outside: base images and named contexts that are images. */
export interface BaseTrees {
  tree(source: Source, platform: Platform): Promise<Tree>;
}

export interface BaseTreeParts {
  readonly store: Store;
  readonly rootless: boolean;
  /** False: layers that were never unpacked are not unpacked; `chain` rejects with NotCached. */
  readonly mayUnpack: boolean;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  /** The image behind a source, for a platform. */
  resolve(source: Source, platform: Platform): Promise<ResolvedImage>;
}

export function createBaseTrees(parts: BaseTreeParts): BaseTrees {
  const known = new Map<string, Promise<Tree>>();
  return {
    tree(source, platform) {
      const id = `${sourceId(source)} ${formatPlatform(platform)}`;
      const found = known.get(id) ?? make(source, platform);
      known.set(id, found);
      return found;
    },
  };

  async function make(source: Source, platform: Platform): Promise<Tree> {
    if (source.kind === 'scratch') return emptyTree;
    const image = await parts.resolve(source, platform);
    let unpacked: Promise<readonly string[]> | undefined;
    return {
      key: layersKey(image.layers.map(({diffId}) => diffId)),
      layers: baseLayers(image),
      chain: () => (unpacked ??= unpack(parts, image)),
    };
  }
}

function baseLayers(image: ResolvedImage): readonly BaseLayer[] {
  const layers: BaseLayer[] = [];
  for (const layer of image.layers) {
    layers.push({kind: 'base', image, layer, chainId: chainIdOf(layers.at(-1)?.chainId, layer.diffId)});
  }
  return layers;
}

/** Ids of the snapshots that hold the image's layers, bottom first; those that are not there are made. */
async function unpack(parts: BaseTreeParts, image: ResolvedImage): Promise<readonly string[]> {
  const {store, mayUnpack, signal} = parts;
  let chainId: Digest | undefined;
  let top: string | undefined;
  let fetched = false;
  for (const layer of image.layers) {
    const below = top;
    const id: Digest = chainIdOf(chainId, layer.diffId);
    chainId = id;
    const known = readChain(store, id);
    if (known === undefined && !mayUnpack) throw new NotCached(`layer ${layer.diffId}`);
    if (known === undefined && !fetched) {
      await image.fetch(signal);
      fetched = true;
    }
    // Two builds that need the same layer: one unpacks it.
    const make = (): string | Promise<string> => readChain(store, id) ?? unpackLayer(parts, image, layer, id, below);
    top = known ?? (await withLock(store, `layer-${id.slice('sha256:'.length)}`, signal, make));
  }
  return top === undefined ? [] : (snapshotChain(store, top) ?? []);
}

async function unpackLayer(
  parts: BaseTreeParts,
  image: ResolvedImage,
  layer: ImageLayer,
  chainId: Digest,
  below: string | undefined,
): Promise<string> {
  const {store, events} = parts;
  const step = `layer ${layer.diffId}`;
  events.emit({type: 'step-started', step, name: `[internal] unpack ${image.reference} ${layer.digest.slice(0, 19)}`});
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const snapshot = newSnapshot(store);
  try {
    await applyInto(parts, image, layer, snapshot.fs, below);
    completeSnapshot(store, snapshot.id, {synced: false, parents: below === undefined ? [] : [below]});
    writeChain(store, chainId, snapshot.id);
    events.emit({type: 'step-done', step, seconds: seconds()});
    return snapshot.id;
  } catch (error) {
    discardSnapshot(store, snapshot.id);
    events.emit({type: 'step-done', step, seconds: seconds(), error: messageOf(error)});
    throw error;
  }
}

async function applyInto(
  {store, rootless, signal}: BaseTreeParts,
  image: ResolvedImage,
  layer: ImageLayer,
  directory: string,
  below: string | undefined,
): Promise<void> {
  const compression = layerCompression(layer.mediaType);
  if (compression === undefined) {
    throw new BuildError(
      'OCI_INVALID',
      `a layer of ${image.reference} is ${layer.mediaType}, a type that cannot be unpacked`,
    );
  }
  await applyVerified(
    store,
    decompress(image.open(layer, signal), compression, signal),
    {
      rootless,
      diffId: layer.diffId,
      directory,
      below: below === undefined ? [] : (snapshotChain(store, below) ?? []),
      name: `a layer of ${image.reference}`,
      saidBy: "the image's config",
    },
    signal,
  );
}
