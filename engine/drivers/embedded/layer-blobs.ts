import {BuildError} from '../../base/errors.js';
import {type Compression, layerCompression, layerMediaType} from '../../oci/media-types.js';
import {claimBlob, readBlob} from '../../store/blobs.js';
import {readChain} from '../../store/layers.js';
import type {Store} from '../../store/store.js';
import type {LayerForm as PushedForm, Output} from '../driver.js';
import {type BlobCompression, createMadeLayers, type MadeLayers} from './made-layers.js';
import type {FinishedLayer} from './outputs/finished-image.js';
import type {BaseLayer, StepLayer, TreeLayer} from './solve/tree.js';
import {type LayerForm, snapshotLayer, stepTar, variantOf} from './step-layers.js';

/** `compression=` and `compression-level=` of an output. */
export interface LayerCompression {
  readonly compression: Compression;
  readonly level: number | undefined;
}

const ranges: Readonly<Record<Compression, readonly [number, number]>> = {none: [0, 0], gzip: [0, 9], zstd: [1, 22]};

/** What an output asks for: gzip for a layout, as BuildKit; none for a docker archive, as `docker save`. Throws USAGE. */
export function compressionOf({
  type,
  attributes,
}: Pick<Output, 'attributes'> & {readonly type: string}): LayerCompression {
  const text = attributes['compression'] ?? (type === 'docker' ? 'none' : 'gzip');
  const name = text === 'uncompressed' ? 'none' : text;
  if (name !== 'none' && name !== 'gzip' && name !== 'zstd') {
    throw new BuildError('USAGE', `there is no compression "${text}"`, {
      remedy: 'It is one of gzip, zstd, uncompressed.',
    });
  }
  const given = attributes['compression-level'];
  const level = given === undefined ? undefined : Number(given);
  const [least, most] = ranges[name];
  if (level !== undefined && !(Number.isInteger(level) && level >= least && level <= most)) {
    throw new BuildError('USAGE', `compression-level of ${name} is ${least} to ${most}, not "${given ?? ''}"`);
  }
  return {compression: name, level};
}

/** Name under which the compressed layer of a snapshot is kept. */
export function layerVariant({compression, level}: LayerCompression, form: Pick<LayerForm, 'clamp'>): string {
  return `${compression}${level ?? ''}-${variantOf(form)}`;
}

/** A layer that outputs can read: those of the base as they are kept, those of steps made and kept once per form. */
export async function finishedLayer(
  layers: MadeLayers,
  layer: TreeLayer,
  form: LayerForm,
  wanted: LayerCompression,
  signal: AbortSignal,
): Promise<FinishedLayer> {
  const {store} = layers;
  if (layer.kind === 'base') {
    const {image, layer: stored} = layer;
    const own = ownLayer(store, layer);
    if (own !== undefined) {
      const plain = {...form, clamp: undefined};
      const {diffId} = await layers.diff(own, plain);
      if (diffId === stored.diffId) return finishedLayer(layers, own, plain, wanted, signal);
    }
    await image.fetch(signal, [stored]);
    return {...stored, open: (abort) => image.open(stored, abort)};
  }
  const blob = blobCompression(wanted);
  if (blob === undefined) {
    const {diffId, size} = await layers.diff(layer, form);
    return {diffId, digest: diffId, size, mediaType: layerMediaType('none'), open: () => opened(store, layer, form)};
  }
  const made = await layers.blob(layer, form, blob);
  return {...made, open: () => readBlob(store, made.digest)};
}

/** Undefined where the layer is written as it is. */
export function blobCompression({compression, level}: LayerCompression): BlobCompression | undefined {
  return compression === 'none' ? undefined : {compression, level};
}

/**
 * The gzip form of a layer that a build made, from its files, and kept with them; undefined where the files do not give this
 * layer (rewritten times), or the layer came from elsewhere. For a process that may read those files.
 */
export async function layerOfStep(
  store: Store,
  layer: Pick<BaseLayer, 'layer' | 'chainId'>,
  rootless: boolean,
  signal: AbortSignal,
): Promise<PushedForm | undefined> {
  const own = ownLayer(store, layer);
  if (own === undefined) return undefined;
  const form = {rootless, clamp: undefined, readable: true};
  const layers = createMadeLayers(store, signal);
  try {
    // Both come out of one pass over the files.
    const {mediaType, digest, size, diffId} = await layers.blob(own, form, {compression: 'gzip', level: undefined});
    return diffId === layer.layer.diffId ? {mediaType, digest, size} : undefined;
  } finally {
    await layers.close();
  }
}

/** A layer that an earlier build made, of which the store has the files and no blob. */
function ownLayer(store: Store, {layer, chainId}: Pick<BaseLayer, 'layer' | 'chainId'>): StepLayer | undefined {
  if (claimBlob(store, layer.digest) || layerCompression(layer.mediaType) !== 'none') return undefined;
  const snapshot = readChain(store, chainId);
  return snapshot === undefined ? undefined : snapshotLayer(store, snapshot);
}

async function* opened(store: Store, layer: StepLayer, form: LayerForm): AsyncGenerator<Uint8Array> {
  yield* await stepTar(store, layer, form);
}
