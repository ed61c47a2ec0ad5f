import type {Digest} from '../../../oci/digest.js';

/** A layer of a base image, as its manifest and config have it. */
export interface BaseLayer {
  readonly kind: 'base';
  readonly diffId: Digest;
  readonly digest: Digest;
  /** Bytes, compressed. */
  readonly size: number;
  readonly mediaType: string;
}

/** What one step of the build added. */
export interface StepLayer {
  readonly kind: 'step';
  /** Id of the snapshot whose directory holds it. */
  readonly snapshot: string;
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
