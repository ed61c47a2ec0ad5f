import test from 'ava';
import fc from 'fast-check';
import {cacheKey, canonicalJson, type KeyPart, type KeyValue} from '../../engine/plan/cache-key.js';

const value = fc
  .jsonValue({maxDepth: 3})
  .map((one) => JSON.parse(JSON.stringify(one).replace(/(?<![\w.])-0(?![\d.])/g, '0')) as KeyValue);
const kinds: readonly KeyPart['kind'][] = [
  'instruction',
  'arg',
  'env',
  'input',
  'content',
  'mount',
  'platform',
  'base',
];
const part: fc.Arbitrary<KeyPart> = fc.record({
  kind: fc.constantFrom(...kinds),
  name: fc.string({maxLength: 6}),
  value,
});
/** The same for the same parts in any order. */
const asText = (list: readonly KeyPart[]): string =>
  JSON.stringify(list.map((one) => canonicalJson([one.kind, one.name, one.value])).sort());
const parts = fc.uniqueArray(part, {maxLength: 8, selector: ({kind, name}) => `${kind}\0${name}`});

test('the order in which parts are found does not change the key', (t) => {
  const property = fc.property(parts, fc.infiniteStream(fc.nat()), (list, random) => {
    const shuffled = list.map((one) => ({one, at: Number(random.next().value)})).sort((a, b) => a.at - b.at);
    return cacheKey(shuffled.map(({one}) => one)) === cacheKey(list);
  });
  t.notThrows(() => fc.assert(property));
});

test('a change of one part changes the key', (t) => {
  const property = fc.property(parts, fc.nat(), value, (list, index, other) => {
    const chosen = list[index % Math.max(1, list.length)];
    if (chosen === undefined || canonicalJson(chosen.value) === canonicalJson(other)) return true;
    const changed = list.map((one) => (one === chosen ? {...one, value: other} : one));
    return cacheKey(list) !== cacheKey(changed);
  });
  t.notThrows(() => fc.assert(property));
});

test('a part that is added or removed changes the key', (t) => {
  const property = fc.property(parts, (list) => {
    const [first, ...rest] = list;
    return first === undefined || cacheKey(list) !== cacheKey(rest);
  });
  t.notThrows(() => fc.assert(property));
});

test('different lists of parts have different keys: nothing runs over into what is beside it', (t) => {
  const property = fc.property(parts, parts, (a, b) => {
    return (asText(a) === asText(b)) === (cacheKey(a) === cacheKey(b));
  });
  t.notThrows(() => fc.assert(property));
});

test('the canonical text of a value can be read back, whatever order its fields had', (t) => {
  const property = fc.property(value, (one) => {
    const text = canonicalJson(one);
    return canonicalJson(JSON.parse(text) as KeyValue) === text;
  });
  t.notThrows(() => fc.assert(property));
});

test('a number that is none and a part given twice are refused', (t) => {
  t.throws(() => canonicalJson(Number.NaN), {instanceOf: TypeError});
  t.throws(
    () =>
      cacheKey([
        {kind: 'arg', name: 'A', value: 1},
        {kind: 'arg', name: 'A', value: 2},
      ]),
    {instanceOf: TypeError},
  );
});
