import {parseBytes} from '../base/amounts.js';
import {wrong} from './canonical.js';
import {type ComposeNode, field, isNull, type MapNode, type ScalarNode} from './node.js';
import {errorAt} from './source.js';

/** Readers of one value each; absent and reset give undefined or empty. Throw COMPOSE_INVALID at the value. */

export function textField(node: MapNode, key: string, where: string): ScalarNode | undefined {
  const value = field(node, key);
  if (value === undefined || isNull(value)) return undefined;
  if (value.kind !== 'scalar' || typeof value.value !== 'string') throw wrong(value, `${where}.${key}`, 'text');
  return value;
}

/** Text that is not empty. */
export function filledText(node: MapNode, key: string, where: string): string | undefined {
  const text = textField(node, key, where)?.text;
  return text === '' ? undefined : text;
}

const booleans = new Map([
  ...['true', 'yes', 'y', 'on'].map((word) => [word, true] as const),
  ...['false', 'no', 'n', 'off'].map((word) => [word, false] as const),
]);

export function booleanField(node: MapNode, key: string, where: string): boolean {
  const value = field(node, key);
  if (value === undefined || isNull(value)) return false;
  const result = value.kind === 'scalar' ? booleans.get(value.text.toLowerCase()) : undefined;
  if (result === undefined || (value.kind === 'scalar' && typeof value.value === 'number')) {
    throw wrong(value, `${where}.${key}`, 'true or false');
  }
  return result;
}

export function textList(node: MapNode, key: string, where: string): readonly ScalarNode[] {
  const value = field(node, key);
  if (value === undefined || isNull(value)) return [];
  if (value.kind !== 'list') throw wrong(value, `${where}.${key}`, 'a list');
  return value.items
    .filter((item) => item.tag !== 'reset')
    .map((item, index) => {
      if (item.kind === 'scalar' && typeof item.value === 'string') return item;
      throw wrong(item, `${where}.${key}[${index}]`, 'text');
    });
}

/** Entries of a mapping that are not reset. */
export function entriesOf(node: MapNode, key: string, where: string): readonly (readonly [string, ComposeNode])[] {
  const value = field(node, key);
  if (value === undefined || isNull(value)) return [];
  if (value.kind !== 'map') throw wrong(value, `${where}.${key}`, 'a mapping');
  return [...value.entries]
    .filter(([, entry]) => entry.value.tag !== 'reset')
    .map(([name, entry]) => [name, entry.value]);
}

/** Entries whose values are scalars: text, number, boolean or nothing. */
export function scalarEntries(node: MapNode, key: string, where: string): readonly (readonly [string, ScalarNode])[] {
  return entriesOf(node, key, where).map(([name, value]) => {
    if (value.kind !== 'scalar' || value.date) {
      throw wrong(value, `${where}.${key}.${name}`, 'text, a number, true, false or empty');
    }
    return [name, value];
  });
}

/** Bytes of `1000`, `64k`, `1.5 MB`, `2gib` (powers of 1024, case ignored). */
export function sizeField(node: MapNode, key: string, where: string): number | undefined {
  const value = field(node, key);
  if (value === undefined || isNull(value)) return undefined;
  const bytes = value.kind === 'scalar' ? parseBytes(value.text) : undefined;
  if (bytes !== undefined) return bytes;
  const remedy = 'A size is a number of bytes, or such as 64k, 128mb, 2gb.';
  throw errorAt('COMPOSE_INVALID', `${where}.${key} is no size`, value.at, remedy);
}

export function integerOf(node: ComposeNode | undefined, where: string, parent: ComposeNode): number {
  const value = node?.kind === 'scalar' ? Number(node.text) : NaN;
  if (node?.kind !== 'scalar' || node.text === '' || !Number.isSafeInteger(value)) {
    throw wrong(node ?? parent, where, 'a whole number');
  }
  return value;
}
