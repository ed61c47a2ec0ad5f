import {createHash} from 'node:crypto';
import {digestOf, type Digest} from '../oci/digest.js';

/** What JSON can hold. */
export type KeyValue =
  null | boolean | number | string | readonly KeyValue[] | {readonly [name: string]: KeyValue | undefined};

/** One thing that a step's result depends on. */
export interface KeyPart {
  readonly kind: 'instruction' | 'arg' | 'env' | 'input' | 'content' | 'mount' | 'platform' | 'base' | 'setting';
  /** Of the variable, the step, the path, the target: unique within the kind. */
  readonly name: string;
  readonly value: KeyValue;
}

/**
 * The one text of a value: keys of objects sorted by code unit, no white space, undefined fields left out. Two values have the same text
 * only where they are equal. Throws TypeError for a number that JSON does not know, and for -0.
 */
export function canonicalJson(value: KeyValue): string {
  if (typeof value === 'number') {
    if (!Number.isFinite(value) || Object.is(value, -0)) throw new TypeError(`no number of a key: ${value}`);
    return JSON.stringify(value);
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const fields = Object.entries(value)
    .filter((entry): entry is [string, KeyValue] => entry[1] !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}

const isList = (value: KeyValue): value is readonly KeyValue[] => Array.isArray(value);

const identity = ({kind, name}: KeyPart): string => `${kind}\0${name}`;

/** The parts in the one order that counts, which is not the order they were found in. Throws TypeError for a part given twice. */
function sorted(parts: readonly KeyPart[]): readonly KeyPart[] {
  const order = [...parts].sort((a, b) => (identity(a) < identity(b) ? -1 : 1));
  order.forEach((part, index) => {
    const next = order[index + 1];
    if (next !== undefined && identity(part) === identity(next)) {
      throw new TypeError(`a key has the part ${part.kind} ${JSON.stringify(part.name)} twice`);
    }
  });
  return order;
}

/**
 * Key of a step's result: equal parts in any order give equal keys, any other part another. Pure: parts hold no clock, host name,
 * absolute host path or secret.
 */
export function cacheKey(parts: readonly KeyPart[]): Digest {
  return digestOf(canonicalJson(sorted(parts).map(({kind, name, value}) => [kind, name, value])));
}

/** Key of a base image, hex digits: what its layers hold counts, not how they are compressed or what it is called. */
export function layersKey(diffIds: readonly string[]): string {
  return createHash('sha256').update(diffIds.join()).digest('hex');
}
