import {BuildError} from '../../base/errors.js';
import {type Compression, layerCompression, layerMediaType} from '../../oci/media-types.js';
import {commitLayer} from '../../snapshot/commit.js';
import {claimBlob, readBlob} from '../../store/blobs.js';
import {readChain} from '../../store/layers.js';
import {readSnapshotLayer, writeSnapshotLayer} from '../../store/snapshots.js';
import type {Store} from '../../store/store.js';
import type {Output} from '../driver.js';
import type {FinishedLayer} from './outputs/finished-image.js';
import type {BaseLayer, StepLayer, TreeLayer} from './solve/tree.js';
import {type LayerForm, stepDiff, snapshotLayer, stepDiffOptions, stepTar, variantOf} from './step-layers.js';

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
  store: Store,
  layer: TreeLayer,
  form: LayerForm,
  wanted: LayerCompression,
  signal: AbortSignal,
): Promise<FinishedLayer> {
  if (layer.kind === 'base') {
    const {image, layer: stored} = layer;
    const own = ownLayer(store, layer);
    if (own !== undefined) {
      const plain = {...form, clamp: undefined};
      const {diffId} = await stepDiff(store, own, plain, signal);
      if (diffId === stored.diffId) return finishedLayer(store, own, plain, wanted, signal);
    }
    await image.fetch(signal, [stored]);
    return {...stored, open: (abort) => image.open(stored, abort)};
  }
  if (wanted.compression === 'none') {
    const {diffId, size} = await stepDiff(store, layer, form, signal);
    return {diffId, digest: diffId, size, mediaType: layerMediaType('none'), open: () => opened(store, layer, form)};
  }
  const {compression, level} = wanted;
  const variant = layerVariant(wanted, form);
  const known = readSnapshotLayer(store, layer.snapshot, variant);
  if (known !== undefined) return {...known, open: () => readBlob(store, known.digest)};
  const diff = await stepDiffOptions(store, layer, form);
  const made = await commitLayer({store, diff, compression, ...(level !== undefined && {level})}, signal);
  const {mediaType, digest, size} = made.descriptor;
  writeSnapshotLayer(store, layer.snapshot, variant, {diffId: made.diffId, mediaType, digest, size});
  return {diffId: made.diffId, mediaType, digest, size, open: () => readBlob(store, digest)};
}

/** A layer that an earlier build made, of which the store has the files and no blob. */
function ownLayer(store: Store, {layer, chainId}: BaseLayer): StepLayer | undefined {
  if (claimBlob(store, layer.digest) || layerCompression(layer.mediaType) !== 'none') return undefined;
  const snapshot = readChain(store, chainId);
  return snapshot === undefined ? undefined : snapshotLayer(store, snapshot);
}

async function* opened(store: Store, layer: StepLayer, form: LayerForm): AsyncGenerator<Uint8Array> {
  yield* await stepTar(store, layer, form);
}
