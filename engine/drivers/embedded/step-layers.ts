import {lstatSync} from 'node:fs';
import {type DiffOptions, layerTar} from '../../snapshot/diff.js';
import {layerParts, snapshotChain, snapshotFs} from '../../store/snapshots.js';
import type {Store} from '../../store/store.js';
import {NotCached} from './solve/not-cached.js';
import type {StepLayer} from './solve/tree.js';

/** What of a layer may vary over outputs. */
export interface LayerForm {
  readonly rootless: boolean;
  /** `rewrite-timestamp`: SOURCE_DATE_EPOCH, seconds; later times become this one. */
  readonly clamp: number | undefined;
  /** This process may read the files of every snapshot; false: only what is known of them. */
  readonly readable: boolean;
}

/** The layer that a snapshot of a step is, whichever step made it; undefined where it is not there. */
export function snapshotLayer(store: Store, snapshot: string): StepLayer | undefined {
  const [chain, parts] = [snapshotChain(store, snapshot), layerParts(store, snapshot)];
  if (chain === undefined || parts === undefined) return undefined;
  const below = chain.slice(0, -parts.length);
  return {kind: 'step', step: '', created: '', snapshot, parts, below: () => Promise.resolve(below)};
}

/** Name of the form, for what is kept of it. */
export const variantOf = ({clamp}: Pick<LayerForm, 'clamp'>): string => (clamp === undefined ? 'plain' : `at-${clamp}`);

/**
 * The layer of a step as an uncompressed tar, as BuildKit writes it: whole seconds, and of the extended attributes the
 * capabilities. The same bytes for the same files.
 */
export async function stepTar(store: Store, layer: StepLayer, form: LayerForm): Promise<Generator<Buffer>> {
  return layerTar(await stepDiffOptions(store, layer, form));
}

export async function stepDiffOptions(store: Store, layer: StepLayer, form: LayerForm): Promise<DiffOptions> {
  if (!form.readable) throw new NotCached('a layer');
  const lowers = [...(await layer.below())].reverse().map((id) => snapshotFs(store, id));
  return {
    directory: snapshotFs(store, layer.snapshot),
    continued: layer.parts
      .slice(0, -1)
      .reverse()
      .map((id) => snapshotFs(store, id)),
    lowers,
    root: rootBelow(lowers),
    prefix: form.rootless ? 'user.overlay.' : 'trusted.overlay.',
    wholeSeconds: true,
    xattrs: 'capability',
    ...(form.clamp !== undefined && {clamp: form.clamp}),
  };
}

/** Of the root below the layer, with the owner that it has for this process: another one in a namespace. */
export function rootBelow([below]: readonly string[]): NonNullable<DiffOptions['root']> {
  if (below === undefined) return {mode: 0o755, uid: 0, gid: 0};
  const {mode, uid, gid} = lstatSync(below);
  return {mode: mode & 0o7777, uid, gid};
}
