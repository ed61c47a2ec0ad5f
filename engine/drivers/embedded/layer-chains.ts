import type {Digest} from '../../oci/digest.js';
import {chainIdOf, readChain, writeChain} from '../../store/layers.js';
import type {MadeLayers} from './made-layers.js';
import type {DeferredLayer, TreeLayer} from './solve/tree.js';
import type {LayerForm} from './step-layers.js';
import {whileStepsRun} from './while-steps-run.js';

/** Notes in the store which snapshots hold the layers of an image: one that starts from it finds them unpacked already. */
export interface LayerChains {
  /** Begins with the layers of an image, bottom first, as far as they are made; who asks for them later sees a failure. */
  begin(layers: readonly (TreeLayer | DeferredLayer)[]): void;
  /** All of them are noted. Rejects as the layers' making does. */
  noted(layers: readonly TreeLayer[]): Promise<void>;
  /** Nothing more is noted. Idempotent. */
  close(): void;
}

export function createLayerChains(made: MadeLayers, form: LayerForm): LayerChains {
  const {store} = made;
  const ids = new Map<TreeLayer, Promise<Digest>>();
  const soon = whileStepsRun();
  let isOpen = true;

  async function note(layer: TreeLayer, below: Promise<Digest> | undefined): Promise<Digest> {
    if (layer.kind === 'base') return layer.chainId;
    const {diffId} = await made.diff(layer, form);
    const id = chainIdOf(await below, diffId);
    if (isOpen && readChain(store, id) === undefined) writeChain(store, id, layer.snapshot);
    return id;
  }
  /** Of the last layer; undefined where there is none, or one has not landed. */
  function top(layers: readonly (TreeLayer | DeferredLayer)[]): Promise<Digest> | undefined {
    let last: Promise<Digest> | undefined;
    for (const layer of layers) {
      if (layer.kind === 'deferred') return undefined;
      const known = ids.get(layer) ?? note(layer, last);
      known.catch(() => undefined);
      ids.set(layer, known);
      last = known;
    }
    return last;
  }
  return {
    begin(layers) {
      soon.begin(() => void top(layers));
    },
    async noted(layers) {
      await top(layers);
    },
    close() {
      isOpen = false;
      soon.close();
    },
  };
}
