import {type ComposeNode, describe, listNode, type MapEntry, type MapNode, mapNode} from './node.js';
import {errorAt} from './source.js';

// Lists where the same element twice means nothing; the others (cache_from) keep order and repetition.
const distinct = new Set(['tags', 'extra_hosts', 'secrets', 'env_file', 'entitlements']);

/**
 * A later file over an earlier one (Compose specification, "Merge Compose files"): mappings are merged, lists joined,
 * anything else replaced; `!reset` removes, `!override` replaces whole. Both must be in canonical form. Throws
 * COMPOSE_INVALID where the two have nothing in common.
 */
export function mergeModels(base: MapNode, over: MapNode): MapNode {
  return mergeMaps(base, over, []);
}

/** `over`, a service that extends `base`. */
export function mergeServices(base: MapNode, over: MapNode): MapNode {
  return mergeMaps(base, over, ['services', '*']);
}

function mergeMaps(base: MapNode, over: MapNode, path: readonly string[]): MapNode {
  const entries = new Map<string, MapEntry>(base.entries);
  for (const [key, entry] of over.entries) {
    const before = entries.get(key);
    const value = before === undefined ? entry.value : mergeNodes(before.value, entry.value, [...path, key]);
    entries.set(key, {key: entry.key, value});
  }
  return mapNode(entries, over.at, base.tag);
}

function mergeNodes(base: ComposeNode, over: ComposeNode, path: readonly string[]): ComposeNode {
  const last = path.at(-1) ?? '';
  if (over.tag !== undefined || base.tag === 'reset') return over;
  // A limit, a secret's definition or an extension is one value, whatever its form.
  if (path.at(-2) === 'ulimits' || path[0] === 'secrets' || last.startsWith('x-')) {
    if (path[0] !== 'secrets' || path.length > 1) return over;
  }
  if (last === 'extends') return over;
  if (base.kind === 'map' && over.kind === 'map') return mergeMaps(base, over, path);
  if (base.kind === 'list' && over.kind === 'list') {
    const joined = distinct.has(last) ? union(base.items, over.items) : [...base.items, ...over.items];
    return listNode(joined, over.at);
  }
  if (base.kind === over.kind || path.at(-2) === 'args' || path.at(-2) === 'labels') return over;
  throw errorAt(
    'COMPOSE_INVALID',
    `${path.join('.')} is ${describe(base)} in an earlier file and ${describe(over)} here`,
    over.at,
    'Give both the same form, or put !override before the later one.',
  );
}

/** Elements by their name (`source` of a secret, `path` of an env_file, the text): a later one takes its place. */
function union(before: readonly ComposeNode[], after: readonly ComposeNode[]): readonly ComposeNode[] {
  const byName = new Map<string, ComposeNode>();
  for (const item of [...before, ...after]) byName.set(nameOf(item), item);
  return [...byName.values()];
}

function nameOf(item: ComposeNode): string {
  if (item.kind === 'scalar') return item.text;
  if (item.kind === 'list') return '';
  const named = item.entries.get('target') ?? item.entries.get('source') ?? item.entries.get('path');
  return named?.value.kind === 'scalar' ? named.value.text : '';
}
