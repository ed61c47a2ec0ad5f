import type {Digest} from '../../../oci/digest.js';
import type {ImageLayer, ResolvedImage} from '../images/image-source.js';

/** A layer of a base image. */
export interface BaseLayer {
  readonly kind: 'base';
  readonly image: ResolvedImage;
  readonly layer: ImageLayer;
  /** Of it and the layers below it. */
  readonly chainId: Digest;
}

/** What one step of the build added. */
export interface StepLayer {
  readonly kind: 'step';
  /** Id of the step in its stage. */
  readonly step: string;
  /** When it was made, ISO 8601. */
  readonly created: string;
  /** Id of the snapshot that stands for it. */
  readonly snapshot: string;
  /** Snapshots whose directories together hold it, bottom first; the last one is `snapshot`. */
  readonly parts: readonly string[];
  /** Snapshots below it, bottom first. */
  readonly below: () => Promise<readonly string[]>;
}

export type TreeLayer = BaseLayer | StepLayer;

/** What a step added elsewhere, found in an imported cache: it comes here when its files are wanted. */
export interface DeferredLayer {
  readonly kind: 'deferred';
  /** Id of the step in its stage. */
  readonly step: string;
  /** Brings it, or where that fails runs the step. Idempotent. */
  readonly land: () => Promise<StepLayer>;
  /** What has landed. */
  readonly here: () => StepLayer | undefined;
  /** Begins to fetch what `land` will want. */
  readonly prefetch: () => void;
}

/** A file system: what a base or a step left. */
export interface Tree {
  /** Key of all that made it. */
  readonly key: string;
  readonly layers: readonly (TreeLayer | DeferredLayer)[];
  /** Ids of its snapshots, bottom first. Base layers that were never unpacked are unpacked now, deferred ones land. */
  readonly chain: () => Promise<readonly string[]>;
}

/** A tree of which every layer is here. */
export interface LandedTree extends Tree {
  readonly layers: readonly TreeLayer[];
}

export const isDeferred = ({layers}: Tree): boolean => layers.some(({kind}) => kind === 'deferred');

/** The tree with all that was deferred. Rejects as `land` does. */
export async function landed(tree: Tree): Promise<LandedTree> {
  for (const layer of tree.layers) if (layer.kind === 'deferred') layer.prefetch();
  const layers: TreeLayer[] = [];
  for (const layer of tree.layers) layers.push(layer.kind === 'deferred' ? await layer.land() : layer);
  return {...tree, layers};
}

export const emptyTree: LandedTree = {key: 'scratch', layers: [], chain: () => Promise.resolve([])};
