import {lstatSync} from 'node:fs';
import {join} from 'node:path';
import {type Digest, isDigest} from '../oci/digest.js';
import {manifestLimit, parseManifest} from '../oci/manifest.js';
import {readBlobBytes} from './blobs.js';
import {cacheState} from './caches.js';
import {isMissing, namesIn, readSmall} from './files.js';
import {parseChain} from './layers.js';
import {claimsOf, listLeases, settleLife} from './leases.js';
import type {Measured} from './measure.js';
import type {PruneGraph, PruneItem} from './prune-plan.js';
import {layerIn, readSnapshot, type SnapshotInfo} from './snapshots.js';
import {isSnapshotId, keyHex, parseStepRecord} from './step-record.js';
import type {Store} from './store.js';
import {listTags} from './tags.js';

export type ItemKind = 'record' | 'layer' | 'snapshot' | 'blob' | 'cache';

/** A thing in the store, by its file or directory. */
export interface StoreItem extends PruneItem {
  readonly kind: ItemKind;
  /** Name of its file or directory. */
  readonly name: string;
  readonly path: string;
  /** For a person: which step or cache it is. */
  readonly description: string | undefined;
}

export interface Inventory extends PruneGraph {
  readonly items: readonly StoreItem[];
}

const mostRecordBytes = 16 * 1024 * 1024;
const blockBytes = 512;

/** What must be measured by a walk: snapshots and caches, by path. */
export function treesOf(root: string): readonly string[] {
  return ['snapshots', 'caches'].flatMap((room) => namesIn(join(root, room)).map((name) => join(root, room, name)));
}

/**
 * Everything in the store and what needs what. Leases are read first: what a build has made and named by the time its
 * lease ends is then seen by that name.
 */
export function takeInventory(store: Store, sizes: ReadonlyMap<string, Measured>, now: number): Inventory {
  const {root} = store;
  const leases = listLeases(root).filter((lease) => settleLife(root, lease, now) === 'alive');
  const alive = new Set(leases.map(({id}) => id));
  const leased = leases.flatMap((lease) => claimsOf(root, lease).flatMap(({kind, id}) => itemId(kind, id)));
  const pinned = listTags(root).flatMap((tag) => [
    ...tag.snapshots.map((id) => `snapshot:${id}`),
    `blob:${tag.configDigest.slice(7)}`,
    ...manifestBlobs(store, tag.manifestDigest),
  ]);
  const snapshots = new Map<string, SnapshotInfo | undefined>();
  const names = namesIn(join(root, 'snapshots')).filter(isSnapshotId);
  const records = recordItems(root);
  const layers = layerItems(root);
  for (const name of names) snapshots.set(name, readSnapshot(root, name));
  const usable = usableSnapshots(snapshots);
  const entries = [...records, ...layers].map((item) => ({
    ...item,
    broken: item.broken || item.refs.some((ref) => ref.startsWith('snapshot:') && !usable.has(ref.slice(9))),
  }));
  const trees = names.map((name) => snapshotItem(root, name, snapshots.get(name), sizes));
  const working = names.filter((name) => alive.has(name.slice(0, 8))).map((name) => `snapshot:${name}`);
  return {
    items: [...entries, ...trees, ...blobItems(root), ...cacheItems(root, sizes)],
    linked: new Map(
      [...sizes.values()].flatMap(({linked}) =>
        [...linked].map(([inode, bytes]) => [`inode:${inode}`, bytes] as const),
      ),
    ),
    pinned: pinned.filter((id) => !id.startsWith('snapshot:') || usable.has(id.slice(9))),
    leased: [...leased, ...working],
  };
}

/** `snapshot:<id>`, `blob:<hex>`, …; none for what cannot be one. */
function itemId(kind: ItemKind, id: string): readonly string[] {
  return [`${kind}:${kind === 'blob' || kind === 'layer' ? id.replace('sha256:', '') : id}`];
}

function manifestBlobs(store: Store, digest: Digest, depth = 0): readonly string[] {
  const own = `blob:${digest.slice(7)}`;
  try {
    const found = parseManifest(readBlobBytes(store, digest, manifestLimit));
    if (found.kind === 'manifest') {
      return [own, ...[found.manifest.config, ...found.manifest.layers].map((each) => `blob:${each.digest.slice(7)}`)];
    }
    const inner = depth > 2 ? [] : found.index.manifests;
    return [own, ...inner.flatMap((each) => manifestBlobs(store, each.digest, depth + 1))];
  } catch {
    // Absent, or no manifest: then it names nothing.
    return [own];
  }
}

/** Those of which everything that they lie on is there. */
function usableSnapshots(snapshots: ReadonlyMap<string, SnapshotInfo | undefined>): ReadonlySet<string> {
  const children = new Map<string, string[]>();
  for (const [id, info] of snapshots) {
    for (const parent of info?.parents ?? []) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const missing = new Set([...children.keys()].filter((id) => !snapshots.has(id)));
  const queue = [...missing, ...[...snapshots].filter(([, info]) => info === undefined).map(([id]) => id)];
  const lost = new Set<string>();
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (lost.has(next)) continue;
    lost.add(next);
    queue.push(...(children.get(next) ?? []));
  }
  return new Set([...snapshots.keys()].filter((id) => !lost.has(id)));
}

function recordItems(root: string): readonly StoreItem[] {
  const directory = join(root, 'records');
  const paths = namesIn(directory).flatMap((prefix) =>
    namesIn(join(directory, prefix)).map((name) => ({name, path: join(directory, prefix, name)})),
  );
  return paths.flatMap(({name, path}) => {
    const file = readSmall(path, mostRecordBytes);
    const disk = fileOnDisk(path);
    if (disk === undefined) return [];
    const text = file?.text ?? '';
    const record = keyHex(name) === undefined ? undefined : parseStepRecord(text, name);
    const blobs = [...(record?.attachments ?? []), ...(record?.layer === undefined ? [] : [record.layer.digest])];
    const snapshot = record?.snapshot ?? null;
    return [
      {
        id: `record:${name}`,
        kind: 'record' as const,
        name,
        path,
        description: record?.stepIdentity,
        refs: [
          ...(snapshot === null ? [] : [`snapshot:${snapshot}`]),
          ...blobs.map((digest) => `blob:${digest.slice(7)}`),
        ],
        broken: record === undefined,
        entry: true,
        ...disk,
      },
    ];
  });
}

function layerItems(root: string): readonly StoreItem[] {
  const directory = join(root, 'layers');
  return namesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    const snapshot = parseChain(readSmall(path, mostRecordBytes)?.text ?? '');
    const disk = fileOnDisk(path);
    if (disk === undefined) return [];
    const refs = snapshot === undefined ? [] : [`snapshot:${snapshot}`];
    const broken = snapshot === undefined;
    return [
      {
        id: `layer:${name}`,
        kind: 'layer' as const,
        name,
        path,
        description: undefined,
        refs,
        broken,
        entry: true,
        ...disk,
      },
    ];
  });
}

function snapshotItem(
  root: string,
  name: string,
  info: SnapshotInfo | undefined,
  sizes: ReadonlyMap<string, Measured>,
): StoreItem {
  const path = join(root, 'snapshots', name);
  const layers = namesIn(path)
    .filter((file) => file.startsWith('layer-'))
    .flatMap((file) => layerIn(join(path, file)) ?? []);
  return {
    id: `snapshot:${name}`,
    kind: 'snapshot',
    name,
    path,
    description: undefined,
    refs: [
      ...(info?.parents ?? []).map((id) => `snapshot:${id}`),
      ...layers.map(({digest}) => `blob:${digest.slice(7)}`),
      ...linkedOf(sizes.get(path)),
    ],
    bytes: sizes.get(path)?.own ?? 0,
    usedMs: undefined,
    broken: info === undefined,
    entry: false,
  };
}

function blobItems(root: string): readonly StoreItem[] {
  const directory = join(root, 'blobs/sha256');
  return namesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    const disk = fileOnDisk(path);
    if (disk === undefined) return [];
    const broken = !isDigest(`sha256:${name}`);
    return [
      {
        id: `blob:${name}`,
        kind: 'blob' as const,
        name,
        path,
        description: undefined,
        refs: [],
        broken,
        entry: false,
        bytes: disk.bytes,
        usedMs: undefined,
      },
    ];
  });
}

function cacheItems(root: string, sizes: ReadonlyMap<string, Measured>): readonly StoreItem[] {
  const directory = join(root, 'caches');
  return namesIn(directory).map((name) => {
    const path = join(directory, name);
    const state = cacheState(path);
    return {
      id: `cache:${name}`,
      kind: 'cache' as const,
      name,
      path,
      description: state?.id,
      refs: linkedOf(sizes.get(path)),
      bytes: sizes.get(path)?.own ?? 0,
      usedMs: state?.usedMs ?? 0,
      broken: false,
      entry: true,
    };
  });
}

function linkedOf(measured: Measured | undefined): readonly string[] {
  return [...(measured?.linked.keys() ?? [])].map((inode) => `inode:${inode}`);
}

function fileOnDisk(path: string): {readonly bytes: number; readonly usedMs: number} | undefined {
  try {
    const found = lstatSync(path, {throwIfNoEntry: false});
    return found === undefined ? undefined : {bytes: found.blocks * blockBytes, usedMs: found.mtimeMs};
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
