import {join} from 'node:path';
import {type Digest, isDigest} from '../oci/digest.js';
import {parseVersioned, readSmall, writeWhole} from './files.js';
import {snapshotPath} from './snapshots.js';
import {type Store, temporaryPath} from './store.js';

/** What a snapshot is as a layer, before compression. */
export interface SnapshotDiff {
  readonly diffId: Digest;
  /** Bytes of the tar. */
  readonly size: number;
}

const version = 1;
const mostBytes = 4096;

/** Keeps the digest of the layer that a snapshot makes, so that an image's config needs no look at its files. */
export function writeSnapshotDiff(store: Store, id: string, variant: string, {diffId, size}: SnapshotDiff): void {
  const text = `${JSON.stringify({version, diffId, size})}\n`;
  writeWhole(diffFile(store, id, variant), temporaryPath(store), text, {sync: false});
}

export function readSnapshotDiff(store: Store, id: string, variant: string): SnapshotDiff | undefined {
  const text = readSmall(diffFile(store, id, variant), mostBytes)?.text;
  const {diffId, size} = (text === undefined ? undefined : parseVersioned(text, version)) ?? {};
  return typeof diffId === 'string' && isDigest(diffId) && typeof size === 'number' ? {diffId, size} : undefined;
}

function diffFile(store: Store, id: string, variant: string): string {
  if (!/^[\w.-]{1,60}$/.test(variant)) throw new Error(`not the name of a layer's variant: ${variant}`);
  return join(snapshotPath(store.root, id), `diff-${variant}`);
}
