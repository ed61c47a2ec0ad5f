import type {Position} from './source.js';
import type {VariableUse} from './substitute.js';

/** `!reset` takes a value of an earlier file away, `!override` replaces it whole. */
export type MergeTag = 'reset' | 'override';

interface Placed {
  readonly at: Position;
  readonly tag?: MergeTag;
}

export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The value as text. */
  readonly text: string;
  readonly date: boolean;
  readonly uses: readonly VariableUse[];
}

export interface MapEntry {
  readonly key: Position;
  readonly value: ComposeNode;
}

export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly ComposeNode[];
}

/** YAML with positions: aliases are resolved, merge keys applied. Immutable; an alias shares the nodes of its anchor. */
export type ComposeNode = ScalarNode | MapNode | ListNode;

/** The value under `key`, unless it is absent or reset. */
export function field(node: ComposeNode | undefined, key: string): ComposeNode | undefined {
  if (node?.kind !== 'map') return undefined;
  const value = node.entries.get(key)?.value;
  return value?.tag === 'reset' ? undefined : value;
}

export function isNull(node: ComposeNode | undefined): boolean {
  return node?.kind === 'scalar' && node.value === null;
}

export function scalarNode(value: string, like: ScalarNode, at = like.at): ScalarNode {
  return {kind: 'scalar', value, text: value, date: false, uses: like.uses, at};
}

export function mapNode(entries: Iterable<readonly [string, MapEntry]>, at: Position, tag?: MergeTag): MapNode {
  return {kind: 'map', entries: new Map(entries), at, ...(tag !== undefined && {tag})};
}

export function listNode(items: readonly ComposeNode[], at: Position, tag?: MergeTag): ListNode {
  return {kind: 'list', items, at, ...(tag !== undefined && {tag})};
}

/** What a person calls the kind of a node. */
export function describe(node: ComposeNode): string {
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'empty';
  if (node.date) return 'a date';
  return typeof node.value === 'string' ? 'text' : `a ${typeof node.value}`;
}

/** Equal content, whatever the positions. */
export function sameNode(a: ComposeNode, b: ComposeNode): boolean {
  if (a === b) return true;
  if (a.kind === 'scalar') return b.kind === 'scalar' && a.value === b.value;
  if (a.kind === 'list') {
    return (
      b.kind === 'list' &&
      a.items.length === b.items.length &&
      a.items.every((item, index) => sameNode(item, b.items[index] ?? item))
    );
  }
  if (b.kind !== 'map' || a.entries.size !== b.entries.size) return false;
  return [...a.entries].every(([key, entry]) => {
    const other = b.entries.get(key);
    return other !== undefined && sameNode(entry.value, other.value);
  });
}
