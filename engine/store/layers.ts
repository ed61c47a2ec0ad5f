import {join} from 'node:path';
import {type Digest, digestOf, hexOf} from '../oci/digest.js';
import {parseVersioned, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {claim} from './leases.js';
import {touch} from './records.js';
import {claimSnapshot} from './snapshots.js';
import {isSnapshotId} from './step-record.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

const version = 1;
const mostBytes = 65_536;

/** Identity of a file system made of layers (OCI image-spec, config: layer ChainID). */
export function chainIdOf(parent: Digest | undefined, diffId: Digest): Digest {
  return parent === undefined ? diffId : digestOf(`${parent} ${diffId}`);
}

/** `<root>/layers/<hex>`, whether it is there or not. */
export function chainPath(root: string, chainId: Digest): string {
  return join(root, 'layers', hexOf(chainId));
}

/**
 * The snapshot that an image's layers up to this one were applied to; undefined where they must be applied. It and what
 * it lies on are claimed.
 */
export function readChain(store: Store, chainId: Digest): string | undefined {
  const path = chainPath(store.root, chainId);
  const file = readSmall(path, mostBytes);
  if (file === undefined) return undefined;
  const snapshot = parseChain(file.text);
  if (snapshot === undefined) {
    unlinkIfThere(path);
    return undefined;
  }
  claim(store, {kind: 'layer', id: chainId});
  if (!claimSnapshot(store, snapshot)) return undefined;
  touch(path, file.mtimeMs);
  return snapshot;
}

export function parseChain(text: string): string | undefined {
  const snapshot = parseVersioned(text, version)?.['snapshot'];
  return isSnapshotId(snapshot) ? snapshot : undefined;
}

/** Records that a snapshot holds the layers up to `chainId`. Throws NO_SPACE, IO. */
export function writeChain(store: Store, chainId: Digest, snapshot: string): void {
  claim(store, {kind: 'layer', id: chainId}, {kind: 'snapshot', id: snapshot});
  directoryOf(store, 'layers');
  const text = `${JSON.stringify({version, snapshot})}\n`;
  writeWhole(chainPath(store.root, chainId), temporaryPath(store), text, {sync: false});
}
