/** One thing in the store. */
export interface PruneItem {
  readonly id: string;
  readonly kind: string;
  /** What only it takes on the disk. */
  readonly bytes: number;
  /** Ids of items, and of linked files, that must stay as long as it does. */
  readonly refs: readonly string[];
  /** Last use, ms since 1970; undefined for what is only used through others. */
  readonly usedMs: number | undefined;
  /** Cannot be used any more. */
  readonly broken: boolean;
  /** Kept for its own sake: the cache. Everything else is kept only because something names it. */
  readonly entry: boolean;
}

export interface PruneGraph {
  readonly items: readonly PruneItem[];
  /** Bytes of files with several links, by id. */
  readonly linked: ReadonlyMap<string, number>;
  /** Ids that tags name. */
  readonly pinned: readonly string[];
  /** Ids that running builds name. */
  readonly leased: readonly string[];
}

export interface PruneOptions {
  /** Entries go, the least recently used first, until no more than so many bytes are left. */
  readonly keepBytes?: number;
  /** Only entries that were not used for so long, ms. Without `keepBytes`, all of those. */
  readonly olderThan?: number;
  /** Every entry that no running build needs. */
  readonly all?: boolean;
}

export interface PrunePlan {
  readonly victims: ReadonlySet<string>;
  /** On the disk now, with linked files once. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/**
 * What goes. Never what a tag or a running build needs, through however many others; always what nothing names and what
 * is broken. Caches of `RUN --mount` go after everything else. Pure.
 */
export function planPrune(graph: PruneGraph, options: PruneOptions, now: number): PrunePlan {
  const items = new Map(graph.items.map((item) => [item.id, item]));
  const bytesOf = (id: string) => items.get(id)?.bytes ?? graph.linked.get(id) ?? 0;
  const sum = (ids: Iterable<string>) => [...ids].reduce((total, id) => total + bytesOf(id), 0);
  const leased = new Set(graph.leased);
  const entries = graph.items.filter((item) => item.entry && !leased.has(item.id) && !item.broken);
  const required = reach(items, [...graph.pinned, ...graph.leased]);
  const old = entries.filter((item) => ageOf(item, now) >= (options.olderThan ?? 0));
  let gone: ReadonlySet<string> = new Set();
  if (options.all === true) gone = new Set(entries.filter((item) => !isFree(item, required)).map(({id}) => id));
  else if (options.keepBytes !== undefined) {
    const roots = [...graph.pinned, ...graph.leased, ...entries.map(({id}) => id)];
    gone = shrink({items, bytesOf, roots, required, keepBytes: options.keepBytes}, inOrder(old, now));
  } else if (options.olderThan !== undefined) gone = new Set(old.map(({id}) => id));
  const kept = entries.filter(({id}) => !gone.has(id)).map(({id}) => id);
  const stay = reach(items, [...graph.pinned, ...graph.leased, ...kept]);
  return {
    victims: new Set(graph.items.filter(({id}) => !stay.has(id)).map(({id}) => id)),
    bytesBefore: sum([...items.keys(), ...graph.linked.keys()]),
    bytesAfter: sum(stay),
  };
}

function staysAnyway(entry: PruneItem, required: ReadonlySet<string>): boolean {
  return entry.refs.length > 0 && entry.refs.every((ref) => required.has(ref));
}

/** An applied base layer of a tagged image: no build step, and there is nothing to gain. */
function isFree(entry: PruneItem, required: ReadonlySet<string>): boolean {
  return entry.kind === 'layer' && staysAnyway(entry, required);
}

/** A time in the future, of a clock that was set back, counts as now. */
function ageOf(item: PruneItem, now: number): number {
  return Math.max(0, now - (item.usedMs ?? now));
}

function inOrder(entries: readonly PruneItem[], now: number): readonly PruneItem[] {
  const rank = (item: PruneItem) => (item.kind === 'cache' ? 1 : 0);
  return entries.toSorted(
    (a, b) => rank(a) - rank(b) || ageOf(b, now) - ageOf(a, now) || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}

/** The given ids and all that they need; only what is there, linked files included. */
export function reach(items: ReadonlyMap<string, PruneItem>, roots: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [...roots];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    queue.push(...(items.get(next)?.refs ?? []));
  }
  return found;
}

interface Shrinking {
  readonly items: ReadonlyMap<string, PruneItem>;
  readonly bytesOf: (id: string) => number;
  readonly roots: readonly string[];
  readonly required: ReadonlySet<string>;
  readonly keepBytes: number;
}

/** Entries to drop, in the given order, until what is left fits. */
function shrink({items, bytesOf, roots, required, keepBytes}: Shrinking, order: readonly PruneItem[]): Set<string> {
  const live = reach(items, roots);
  const users = new Map<string, number>();
  const count = (id: string, change: number) => {
    const left = (users.get(id) ?? 0) + change;
    users.set(id, left);
    return left;
  };
  for (const id of roots) count(id, 1);
  for (const id of live) for (const ref of new Set(items.get(id)?.refs ?? [])) count(ref, 1);
  let total = [...live].reduce((sum, id) => sum + bytesOf(id), 0);
  const gone = new Set<string>();
  for (const entry of order) {
    if (total <= keepBytes) break;
    // What stays for a tag's sake anyway frees nothing, and its record is still of use.
    if (staysAnyway(entry, required)) continue;
    gone.add(entry.id);
    const queue = [entry.id];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      if (count(next, -1) > 0) continue;
      total -= bytesOf(next);
      queue.push(...new Set(items.get(next)?.refs ?? []));
    }
  }
  return gone;
}
