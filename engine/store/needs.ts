import {type Digest, isDigest} from '../oci/digest.js';
import {claimBlob} from './blobs.js';
import {hasFacts} from './facts.js';
import {chainIdOf, readChain} from './layers.js';
import {type Claim, claim, claimed} from './leases.js';
import {claimStep} from './records.js';
import {claimSnapshot} from './snapshots.js';
import type {Store} from './store.js';
import {readTag, type Tag} from './tags.js';

/** What a build found in the store, and what it left there. Plain data. */
export interface StoreNeeds {
  /** Keys of steps, with what `claimStep` said. */
  readonly steps: readonly (readonly [key: string, found: string])[];
  /** References of base images and of the image, with their tags. */
  readonly tags: readonly (readonly [reference: string, found: string])[];
  /** Layers that were found unpacked: chain ID and snapshot. */
  readonly chains: readonly (readonly [chainId: Digest, snapshot: string])[];
  /** Name of the facts in the history. */
  readonly facts: string;
  /** Everything of it that must stay. */
  readonly claims: readonly Claim[];
}

const stepText = (store: Store, key: string): string => JSON.stringify(claimStep(store, key) ?? null);

/** The tag's text with everything it names claimed; undefined where that or the tag is not there. */
function tagText(store: Store, reference: string): string | undefined {
  const tag: Tag | undefined = readTag(store, reference);
  if (tag === undefined) return undefined;
  const whole =
    claimBlob(store, tag.manifestDigest) &&
    claimBlob(store, tag.configDigest) &&
    tag.snapshots.every((id) => claimSnapshot(store, id));
  return whole ? JSON.stringify(tag) : undefined;
}

export interface FoundInStore {
  /** Of the steps that left something. */
  readonly keys: readonly string[];
  /** Normalised. */
  readonly references: readonly string[];
  /** Of the image's layers, the lowest first. */
  readonly diffIds: readonly string[];
  readonly facts: string;
}

/**
 * The needs of a build that has just ended, by a store that was opened for it; undefined where something is not there any more.
 * Everything is claimed.
 */
export function needsOf(store: Store, {keys, references, diffIds, facts}: FoundInStore): StoreNeeds | undefined {
  const steps = keys.map((key) => [key, stepText(store, key)] as const);
  const tags = references.map((reference) => [reference, tagText(store, reference) ?? ''] as const);
  if (steps.some(([, found]) => found === 'null') || tags.some(([, found]) => found === '')) return undefined;
  const chains: (readonly [Digest, string])[] = [];
  let chainId: Digest | undefined;
  for (const diffId of diffIds) {
    if (!isDigest(diffId)) return undefined;
    chainId = chainIdOf(chainId, diffId);
    const snapshot = readChain(store, chainId);
    if (snapshot !== undefined) chains.push([chainId, snapshot]);
  }
  return {steps, tags, chains, facts, claims: claimed(store)};
}

/**
 * True where all of it is there as it was, and stays until the store is closed. It counts as used now, as the build itself
 * would have it.
 */
export function holdNeeds(store: Store, {steps, tags, chains, facts, claims}: StoreNeeds): boolean {
  // At once, for each look for a running prune reads a directory.
  claim(store, ...claims);
  return (
    tags.every(([reference, found]) => tagText(store, reference) === found) &&
    steps.every(([key, found]) => stepText(store, key) === found) &&
    chains.every(([chainId, snapshot]) => readChain(store, chainId) === snapshot) &&
    hasFacts(store.root, facts)
  );
}
