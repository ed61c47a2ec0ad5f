import {join} from 'node:path';
import {type Digest, hexOf, isDigest} from '../oci/digest.js';
import {parseVersioned, readSmall, writeWhole} from './files.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

/** The form of a layer that registries get. */
export interface CompressedLayer {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

const version = 1;
const mostBytes = 64 * 1024;
const mostPlaces = 20;

/**
 * What a layer is in its compressed form, known by the digest of the uncompressed one, also when the blob is gone; and the
 * repositories (`host/path`) that have it, the last one first.
 */
export function readCompressed(
  store: Store,
  diffId: Digest,
): (CompressedLayer & {readonly places: readonly string[]}) | undefined {
  const text = readSmall(pathOf(store, diffId), mostBytes)?.text;
  const found = text === undefined ? undefined : parseVersioned(text, version);
  if (found === undefined) return undefined;
  const {mediaType, digest, size, places} = found;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  const named = Array.isArray(places) ? places.filter((place): place is string => typeof place === 'string') : [];
  return {mediaType, digest, size, places: named};
}

/** Keeps the form, and adds the repositories that have it. Throws NO_SPACE, IO. */
export function writeCompressed(
  store: Store,
  diffId: Digest,
  layer: CompressedLayer,
  places: readonly string[] = [],
): void {
  const known = readCompressed(store, diffId);
  const earlier = known?.digest === layer.digest ? known.places : [];
  const all = [...new Set([...places, ...earlier])].slice(0, mostPlaces);
  if (known?.digest === layer.digest && all.every((place, index) => earlier[index] === place)) return;
  directoryOf(store, 'compressed');
  const {mediaType, digest, size} = layer;
  const text = `${JSON.stringify({version, mediaType, digest, size, places: all})}\n`;
  writeWhole(pathOf(store, diffId), temporaryPath(store), text, {sync: false});
}

const pathOf = (store: Store, diffId: Digest): string => join(store.root, 'compressed', hexOf(diffId));
