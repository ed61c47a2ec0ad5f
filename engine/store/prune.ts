import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {emptyTrash} from './empty-trash.js';
import {keepNewest, namesIn, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {type ItemKind, type StoreItem, takeInventory, treesOf} from './inventory.js';
import {removeStalePrunes, whilePruning} from './leases.js';
import {removeStaleLocks, withLock} from './locks.js';
import {withRoom} from './make-room.js';
import {type Measured, measureTree} from './measure.js';
import {planPrune, type PruneOptions} from './prune-plan.js';
import {recordPath} from './records.js';
import {recoverStore} from './recover.js';
import {keyHex} from './step-record.js';
import {type Store, temporaryPath} from './store.js';
import {moveToTrash} from './trash.js';

export interface PruneReport {
  readonly removed: Readonly<Record<ItemKind, number>>;
  /** What killed builds had left half-made. */
  readonly halfMade: number;
  /** What killed builds had left mounted. */
  readonly mounts: number;
  /** Bytes on the disk. */
  readonly freed: number;
  readonly kept: number;
  /** Files that could not be deleted; they are out of the way, in the trash. */
  readonly left: number;
}

/** Rooms of small files that spare a look at large ones, with how many are kept: those that were written last. */
const memories = [
  ['contents', 10_000],
  ['compressed', 10_000],
  ['checksums', 200],
] as const;
const mostIndexBytes = 16 * 1024 * 1024;
/** An index below this is not worth to be written anew. */
const smallIndexBytes = 16 * 1024;
/** A step's records before what they name, and children before what they lie on: a kill half-way leaves nothing dangling. */
const order: readonly ItemKind[] = ['record', 'layer', 'cache', 'snapshot', 'blob'];

/**
 * Removes what nothing needs, and of the cache what `options` say. Builds may run meanwhile: they wait for milliseconds
 * while it is decided. Rejects with the signal's reason, IO, NO_SPACE.
 */
export async function pruneStore(store: Store, options: PruneOptions): Promise<PruneReport> {
  return withRoom(store, () => pruneLocked(store, options));
}

async function pruneLocked(store: Store, options: PruneOptions): Promise<PruneReport> {
  return withLock(store, 'prune', store.signal, async () => {
    const recovered = recoverStore(store);
    removeStalePrunes(store.root);
    // Before all else: on a full disk this is the space that the rest needs.
    await emptyTrash(store);
    const sizes = await measureAll(store);
    const {removed, freed, kept} = whilePruning(store.root, () => decide(store, sizes, options));
    tidyIndexes(store);
    for (const [room, most] of memories) keepNewest(join(store.root, room), most);
    removeStaleLocks(store);
    const {left} = await emptyTrash(store);
    const {halfMade, mounts} = recovered;
    return {removed, halfMade, mounts, freed, kept, left};
  });
}

export async function measureAll(store: Store): Promise<ReadonlyMap<string, Measured>> {
  const sizes = new Map<string, Measured>();
  for (const path of treesOf(store.root)) sizes.set(path, await measureTree(store, path));
  return sizes;
}

function decide(store: Store, sizes: ReadonlyMap<string, Measured>, options: PruneOptions) {
  const now = Date.now();
  const inventory = takeInventory(store, sizes, now);
  const plan = planPrune(inventory, options, now);
  const removed: Record<ItemKind, number> = {record: 0, layer: 0, snapshot: 0, blob: 0, cache: 0};
  const victims = inventory.items.filter(({id}) => plan.victims.has(id));
  for (const kind of order) {
    for (const item of childrenFirst(victims.filter((victim) => victim.kind === kind))) {
      if (moveToTrash(store, item.path)) removed[kind]++;
    }
  }
  return {removed, freed: plan.bytesBefore - plan.bytesAfter, kept: plan.bytesAfter};
}

function childrenFirst(items: readonly StoreItem[]): readonly StoreItem[] {
  const byId = new Map(items.map((item) => [item.id, item]));
  const sorted: StoreItem[] = [];
  const seen = new Set<string>();
  for (const item of items) {
    // Post-order without recursion: parents first, then all reversed.
    const stack: {readonly item: StoreItem; readonly done: boolean}[] = [{item, done: false}];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.done) sorted.push(top.item);
      else if (!seen.has(top.item.id)) {
        seen.add(top.item.id);
        stack.push({item: top.item, done: true});
        for (const ref of top.item.refs) {
          const parent = byId.get(ref);
          if (parent !== undefined) stack.push({item: parent, done: false});
        }
      }
    }
  }
  return sorted.reverse();
}

/** Lists of past keys, without those that are gone. */
function tidyIndexes(store: Store): void {
  const directory = join(store.root, 'steps');
  for (const name of namesIn(directory)) {
    const path = join(directory, name);
    const text = readSmall(path, mostIndexBytes)?.text ?? '';
    const keys = [...new Set(text.split('\n').filter((key) => keyHex(key) !== undefined))];
    const left = keys.filter((key) => existsSync(recordPath(store.root, key)));
    if (left.length === 0) unlinkIfThere(path);
    else if (text.length > smallIndexBytes && left.length < keys.length) {
      writeWhole(path, temporaryPath(store), left.map((key) => `${key}\n`).join(''), {sync: false});
    }
  }
}
