import type {Compression} from '../../oci/media-types.js';
import type {CommittedLayer} from '../../snapshot/commit.js';
import {readSnapshotDiff, type SnapshotDiff, writeSnapshotDiff} from '../../store/snapshot-diff.js';
import {readSnapshotLayer, writeSnapshotLayer} from '../../store/snapshots.js';
import type {LayerRecord} from '../../store/step-record.js';
import type {Store} from '../../store/store.js';
import {layerVariant} from './layer-blobs.js';
import {createLayerWork} from './layer-work.js';
import type {StepLayer} from './solve/tree.js';
import {type LayerForm, stepDiffOptions, variantOf} from './step-layers.js';
import {whileStepsRun} from './while-steps-run.js';

/** Layers of steps as outputs want them: each made once, and kept with its snapshot. */
export interface MadeLayers {
  readonly store: Store;
  /** Digest and size of the uncompressed layer. */
  diff(layer: StepLayer, form: LayerForm): Promise<SnapshotDiff>;
  /** The compressed layer, in the store. */
  blob(layer: StepLayer, form: LayerForm, wanted: BlobCompression): Promise<LayerRecord>;
  /** Begins to make what will be asked for; whoever asks sees the failure. */
  begin(layer: StepLayer, wanted: WantedLayer): void;
  /** Ends what is under way. Idempotent. */
  close(): Promise<void>;
}

export interface BlobCompression {
  readonly compression: Exclude<Compression, 'none'>;
  /** Undefined: the default. */
  readonly level: number | undefined;
}

/** What an output will ask for. */
export interface WantedLayer {
  readonly form: LayerForm;
  /** Undefined: the digest only. */
  readonly blob: BlobCompression | undefined;
}

export function createMadeLayers(store: Store, signal: AbortSignal): MadeLayers {
  const work = createLayerWork(store, signal);
  const soon = whileStepsRun();
  const underway = new Map<string, Promise<CommittedLayer>>();

  function make(layer: StepLayer, {form, blob}: WantedLayer): Promise<CommittedLayer> {
    const key = `${layer.snapshot} ${variantOf(form)} ${blob === undefined ? '' : layerVariant(blob, form)}`;
    const found = underway.get(key) ?? makeNow(layer, {form, blob});
    underway.set(key, found);
    return found;
  }
  async function makeNow(layer: StepLayer, {form, blob}: WantedLayer): Promise<CommittedLayer> {
    const diff = await stepDiffOptions(store, layer, form);
    const made = await work.make({diff, compression: blob?.compression, level: blob?.level});
    writeSnapshotDiff(store, layer.snapshot, variantOf(form), {diffId: made.diffId, size: made.diffSize});
    return made;
  }
  const diffOf = (layer: StepLayer, form: LayerForm): SnapshotDiff | undefined =>
    readSnapshotDiff(store, layer.snapshot, variantOf(form));

  return {
    store,
    async diff(layer, form) {
      const known = diffOf(layer, form);
      if (known !== undefined) return known;
      const start = `${layer.snapshot} ${variantOf(form)} `;
      const same = [...underway].find(([key]) => key.startsWith(start))?.[1];
      const {diffId, diffSize} = await (same ?? make(layer, {form, blob: undefined}));
      return {diffId, size: diffSize};
    },
    async blob(layer, form, blob) {
      const variant = layerVariant(blob, form);
      const known = readSnapshotLayer(store, layer.snapshot, variant);
      if (known !== undefined) return known;
      const {descriptor, diffId} = await make(layer, {form, blob});
      if (descriptor === undefined) throw new Error('unreachable: a layer without its blob');
      const {mediaType, digest, size} = descriptor;
      const record = {diffId, mediaType, digest, size};
      writeSnapshotLayer(store, layer.snapshot, variant, record);
      return record;
    },
    begin(layer, {form, blob}) {
      const done =
        blob === undefined ? diffOf(layer, form) : readSnapshotLayer(store, layer.snapshot, layerVariant(blob, form));
      if (done !== undefined) return;
      soon.begin(() => void make(layer, {form, blob}).catch(() => undefined));
    },
    close() {
      soon.close();
      return work.close();
    },
  };
}
