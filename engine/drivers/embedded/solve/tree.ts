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

/** A file system: what a base or a step left. */
export interface Tree {
  /** Key of all that made it. */
  readonly key: string;
  readonly layers: readonly TreeLayer[];
  /** Ids of its snapshots, bottom first. Base layers that were never unpacked are unpacked now. */
  readonly chain: () => Promise<readonly string[]>;
}

export const emptyTree: Tree = {key: 'scratch', layers: [], chain: () => Promise.resolve([])};
