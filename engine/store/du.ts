import {join} from 'node:path';
import {namesIn} from './files.js';
import {type ItemKind, takeInventory} from './inventory.js';
import {measureTree} from './measure.js';
import {measureAll} from './prune.js';
import {planPrune, reach} from './prune-plan.js';
import type {Store} from './store.js';

export interface UsageGroup {
  readonly count: number;
  /** On the disk; a file with several links counts where it is met first. */
  readonly bytes: number;
}

export interface UsageItem extends Pick<UsageGroup, 'bytes'> {
  readonly kind: ItemKind;
  readonly id: string;
  /** ISO 8601, UTC; null where it is only used through others. */
  readonly lastUsed: string | null;
  /** A tag or a running build needs it. */
  readonly inUse: boolean;
  readonly description: string | null;
}

export interface DiskUsage {
  readonly blobs: UsageGroup;
  readonly snapshots: UsageGroup;
  /** Of steps and of applied base layers. */
  readonly records: UsageGroup;
  readonly caches: UsageGroup;
  /** Tags, history, base images made here, what waits to be deleted. */
  readonly other: UsageGroup;
  readonly total: number;
  /** What `prune --all` frees. */
  readonly reclaimable: number;
  /** Largest first. */
  readonly items: readonly UsageItem[];
}

const rooms = new Set(['blobs', 'snapshots', 'records', 'layers', 'caches']);

/** What the store takes on the disk. Nothing is changed. */
export async function diskUsage(store: Store): Promise<DiskUsage> {
  const now = Date.now();
  const sizes = await measureAll(store);
  const inventory = takeInventory(store, sizes, now);
  const byId = new Map(inventory.items.map((item) => [item.id, item]));
  const needed = reach(byId, [...inventory.pinned, ...inventory.leased]);
  const counted = new Set<string>();
  const items = inventory.items.map((item): UsageItem => {
    const linked = item.refs.filter((ref) => inventory.linked.has(ref) && !counted.has(ref));
    for (const ref of linked) counted.add(ref);
    return {
      kind: item.kind,
      id: item.name,
      bytes: linked.reduce((sum, ref) => sum + (inventory.linked.get(ref) ?? 0), item.bytes),
      lastUsed: item.usedMs === undefined ? null : new Date(Math.min(item.usedMs, now)).toISOString(),
      inUse: needed.has(item.id),
      description: item.description ?? null,
    };
  });
  const group = (...kinds: readonly ItemKind[]): UsageGroup => {
    const own = items.filter(({kind}) => kinds.includes(kind));
    return {count: own.length, bytes: own.reduce((sum, {bytes}) => sum + bytes, 0)};
  };
  const other = await measureOther(store);
  const plan = planPrune(inventory, {all: true}, now);
  const groups = {
    blobs: group('blob'),
    snapshots: group('snapshot'),
    records: group('record', 'layer'),
    caches: group('cache'),
    other: {count: other.count, bytes: other.bytes},
  };
  return {
    ...groups,
    total: Object.values(groups).reduce((sum, {bytes}) => sum + bytes, 0),
    reclaimable: plan.bytesBefore - plan.bytesAfter + other.trash,
    items: items.sort((a, b) => b.bytes - a.bytes || (a.id < b.id ? -1 : 1)),
  };
}

async function measureOther(store: Store): Promise<UsageGroup & {readonly trash: number}> {
  const names = namesIn(store.root).filter((name) => !rooms.has(name));
  const bytes = await bytesOf(store, store.root, names);
  const trash = join(store.root, 'trash');
  return {count: names.length, bytes, trash: await bytesOf(store, trash, namesIn(trash))};
}

async function bytesOf(store: Store, directory: string, names: readonly string[]): Promise<number> {
  const linked = new Map<string, number>();
  let bytes = 0;
  for (const name of names) {
    const measured = await measureTree(store, join(directory, name));
    bytes += measured.own;
    for (const [inode, each] of measured.linked) linked.set(inode, each);
  }
  return [...linked.values()].reduce((sum, each) => sum + each, bytes);
}
