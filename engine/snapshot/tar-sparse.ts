import {number, tarInvalid} from './tar-header.js';
import type {PaxRecords} from './tar-pax.js';

/** Where stored bytes of a sparse file belong. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

const mostSegments = 1_000_000;

export interface OldSparseMap {
  readonly segments: readonly Segment[];
  /** Size of the file with its holes. */
  readonly realSize: number;
  /** More of the map follows in the next block. */
  readonly extended: boolean;
  /** Adds a block; true where another follows. */
  extend(block: Buffer): boolean;
}

/** The map of an old GNU sparse header (GNU tar manual, "Old GNU Format"). */
export function parseSparseMap(block: Buffer): OldSparseMap {
  const segments: Segment[] = [];
  const take = (from: Buffer, at: number, count: number) => {
    for (let i = 0; i < count; i++) {
      const start = at + i * 24;
      // Unused places are empty.
      if (from[start] === 0) break;
      segments.push({
        offset: number(from, start, 12, 'sparse map'),
        length: number(from, start + 12, 12, 'sparse map'),
      });
      if (segments.length > mostSegments) throw tarInvalid('a sparse map is too large');
    }
  };
  take(block, 386, 4);
  return {
    segments,
    realSize: number(block, 483, 12, 'sparse size'),
    extended: block[482] !== 0,
    extend(more) {
      take(more, 0, 21);
      return more[504] !== 0;
    },
  };
}

export interface PaxSparse {
  readonly size: number;
  readonly name: string | undefined;
  /** Undefined: version 1.0, the map is at the head of the data. */
  readonly segments: readonly Segment[] | undefined;
}

/** GNU's pax sparse formats 0.0, 0.1 and 1.0; undefined for an ordinary file. */
export function sparseMapOf(pax: PaxRecords, name: string): PaxSparse | undefined {
  const get = (key: string) => pax.get(`GNU.sparse.${key}`)?.toString('latin1');
  const given = get('name');
  if (get('major') === '1' && get('minor') === '0') {
    return {size: whole(get('realsize'), name), name: given, segments: undefined};
  }
  const map = get('map');
  const [offsets, lengths] = [get('offset'), get('numbytes')];
  if (map === undefined && offsets === undefined) return undefined;
  const size = whole(get('size') ?? get('realsize'), name);
  const numbers = (text: string | undefined) => (text ?? '').split(',').map((value) => whole(value, name));
  if (map !== undefined) return {size, name: given, segments: map === '' ? [] : pairs(numbers(map), name)};
  const [starts, sizes] = [numbers(offsets), numbers(lengths)];
  return {
    size,
    name: given,
    segments: pairs(
      starts.flatMap((start, i) => [start, sizes[i] ?? -1]),
      name,
    ),
  };
}

/** The map at the head of a file's data, block by block: `COUNT\n`, then `OFFSET\nLENGTH\n` each. */
export function createPax10Map(): {add(block: Buffer): readonly Segment[] | undefined} {
  const numbers: number[] = [];
  let pending = '';
  return {
    /** The segments once the map is complete. */
    add(block) {
      const lines = (pending + block.toString('latin1')).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        // What follows the map in its last block is padding.
        if (numbers.length > 0 && numbers.length === (numbers[0] ?? 0) * 2 + 1) break;
        numbers.push(whole(line, ''));
        if ((numbers[0] ?? 0) > mostSegments) throw tarInvalid('a sparse map is too large');
      }
      if (pending.length > 64 && numbers.length === 0) throw tarInvalid('a sparse map is not made of numbers');
      const complete = numbers.length > 0 && numbers.length === (numbers[0] ?? 0) * 2 + 1;
      return complete ? pairs(numbers.slice(1), '') : undefined;
    },
  };
}

function pairs(numbers: readonly number[], name: string): readonly Segment[] {
  if (numbers.length % 2 !== 0 || numbers.includes(-1)) throw tarInvalid('a sparse map is not in pairs', name);
  return Array.from({length: numbers.length / 2}, (_, i) => ({
    offset: numbers[i * 2] ?? 0,
    length: numbers[i * 2 + 1] ?? 0,
  }));
}

function whole(value: string | undefined, name: string): number {
  const number = Number(value);
  if (value === undefined || !/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(number)) {
    throw tarInvalid('a sparse map is not made of numbers', name);
  }
  return number;
}
