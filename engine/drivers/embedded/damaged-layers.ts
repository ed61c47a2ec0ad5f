import {BuildError} from '../../base/errors.js';
import {createHasher, type Digest} from '../../oci/digest.js';
import {forgetSnapshot} from '../../store/forget-snapshot.js';
import type {Store} from '../../store/store.js';
import type {LandedTree} from './solve/tree.js';
import {type LayerForm, stepTar} from './step-layers.js';

/** The error for files that are no longer what their step made. */
export function damagedFiles(cause?: unknown): BuildError {
  return new BuildError('STORE_CORRUPT', 'files of a step in the store are not what they were when they were made', {
    remedy:
      'What is damaged is dropped: build again. A store is copied with times and hard links (cp -a, rsync -aHAX), or not at all.',
    cause,
  });
}

/** Drops the steps whose layers are not (any more) those that are known of them; `ids`: diff IDs of all layers, bottom first. */
export async function dropDamaged(
  store: Store,
  {layers}: LandedTree,
  ids: readonly string[],
  form: LayerForm,
): Promise<boolean> {
  let some = false;
  for (const [index, layer] of layers.entries()) {
    if (layer.kind !== 'step' || digestOfTar(await stepTar(store, layer, form)) === ids[index]) continue;
    forgetSnapshot(store, layer.snapshot);
    some = true;
  }
  return some;
}

function digestOfTar(tar: Iterable<Buffer>): Digest {
  const hasher = createHasher();
  for (const chunk of tar) hasher.update(chunk);
  return hasher.digest();
}
