import test from 'ava';
import fc from 'fast-check';
import {planPrune, type PruneGraph, type PruneItem, type PruneOptions, reach} from '../../engine/store/prune-plan.js';

const now = 1_000_000;
const item = (id: string, fields: Partial<PruneItem> = {}): PruneItem => ({
  id,
  kind: id.split(':')[0] ?? '',
  bytes: 10,
  refs: [],
  usedMs: undefined,
  broken: false,
  entry: /^(record|layer|cache)/.test(id),
  ...fields,
});
const graph = (items: readonly PruneItem[], fields: Partial<PruneGraph> = {}): PruneGraph => ({
  items,
  linked: new Map(),
  pinned: [],
  leased: [],
  ...fields,
});
const goes = test.macro({
  exec(t, given: PruneGraph, options: PruneOptions, expected: readonly string[]) {
    t.deepEqual([...planPrune(given, options, now).victims].toSorted(), expected.toSorted());
  },
  title: (name) => name ?? '',
});

const used = (id: string, age: number, ...refs: string[]) => item(id, {usedMs: now - age, refs});
const chain = [
  used('record:old', 900, 'snapshot:a'),
  used('record:new', 100, 'snapshot:b', 'blob:b'),
  item('snapshot:a'),
  item('snapshot:b', {refs: ['snapshot:a']}),
  item('blob:b'),
  item('snapshot:loose'),
  item('blob:loose'),
];
const loose = ['snapshot:loose', 'blob:loose'];

test('without options only what nothing names goes', goes, graph(chain), {}, loose);
test(
  'with all, the whole cache goes',
  goes,
  graph(chain),
  {all: true},
  chain.map(({id}) => id),
);
test('what lies below something younger stays', goes, graph(chain), {olderThan: 500}, [...loose, 'record:old']);
test('a size drops the least recently used first', goes, graph(chain), {keepBytes: 45}, [...loose, 'record:old']);
test(
  'a size below everything drops everything',
  goes,
  graph(chain),
  {keepBytes: 0},
  chain.map(({id}) => id),
);
test('a size that is kept drops nothing more', goes, graph(chain), {keepBytes: 50}, loose);
test('a tag keeps its snapshots and what they lie on', goes, graph(chain, {pinned: ['snapshot:b']}), {all: true}, [
  'record:old',
  'record:new',
  'blob:b',
  ...loose,
]);
test(
  'a size does not drop what frees nothing for the sake of a tag',
  goes,
  graph(chain, {pinned: ['snapshot:b', 'blob:b']}),
  {keepBytes: 0},
  loose,
);
test(
  'a running build keeps its records and what they name',
  goes,
  graph(chain, {leased: ['record:new', 'snapshot:loose']}),
  {all: true},
  ['record:old', 'blob:loose'],
);
test('what is broken goes', goes, graph([item('record:x', {broken: true, usedMs: now})]), {}, ['record:x']);
test(
  'applied layers of a tagged image stay',
  goes,
  graph([used('layer:x', 900, 'snapshot:a'), item('snapshot:a')], {pinned: ['snapshot:a']}),
  {all: true},
  [],
);
test('cache directories go last', goes, graph([used('cache:x', 900), used('record:x', 1)]), {keepBytes: 10}, [
  'record:x',
]);
test(
  'a time in the future is now',
  goes,
  graph([used('record:future', -5000), used('record:old', 10)]),
  {keepBytes: 10},
  ['record:old'],
);
test('younger ones stay whatever the size', goes, graph(chain), {keepBytes: 0, olderThan: 500}, [
  ...loose,
  'record:old',
]);

test('a file with two links counts once, and as long as one link stays', (t) => {
  const linked = new Map([['inode:1', 1000]]);
  const items = [
    used('record:a', 900, 'snapshot:a'),
    used('record:b', 100, 'snapshot:b'),
    item('snapshot:a', {refs: ['inode:1']}),
    item('snapshot:b', {refs: ['inode:1']}),
  ];
  t.is(planPrune(graph(items, {linked}), {}, now).bytesBefore, 1040);
  const plan = planPrune(graph(items, {linked}), {keepBytes: 1020}, now);
  t.deepEqual([...plan.victims], ['record:a', 'snapshot:a']);
  t.is(plan.bytesAfter, 1020);
});

const kinds = ['record', 'layer', 'cache', 'snapshot', 'blob'] as const;
const isPart = (id = '') => id.startsWith('snapshot:') || id.startsWith('blob:');
/** Things that refer to earlier ones, so that there is no circle; a few references lead nowhere. */
const graphs = fc
  .array(
    fc.record({
      kind: fc.constantFrom(...kinds),
      bytes: fc.nat(100),
      refs: fc.array(fc.nat(40), {maxLength: 4}),
      age: fc.integer({min: -100, max: 1000}),
      broken: fc.boolean(),
      pinned: fc.nat(9),
    }),
    {maxLength: 30},
  )
  .map((things): PruneGraph => {
    const ids = things.map(({kind}, index) => `${kind}:${index}`);
    const items = things.map((thing, index) =>
      item(ids[index] ?? '', {
        bytes: thing.bytes,
        refs: thing.refs.map((ref) => (ref < index && isPart(ids[ref]) ? (ids[ref] ?? '') : `inode:${ref % 3}`)),
        usedMs: now - thing.age,
        broken: thing.broken && thing.pinned > 2,
      }),
    );
    const chosen = (wanted: number, ...only: readonly string[]) =>
      items.filter((each, index) => things[index]?.pinned === wanted && only.includes(each.kind)).map(({id}) => id);
    return {
      items,
      linked: new Map([0, 1, 2].map((inode) => [`inode:${inode}`, 50])),
      pinned: chosen(0, 'snapshot', 'blob'),
      leased: chosen(1, ...kinds),
    };
  });
const options = fc.record(
  {keepBytes: fc.nat(2000), olderThan: fc.nat(1000), all: fc.boolean()},
  {requiredKeys: []},
) as fc.Arbitrary<PruneOptions>;

test('whatever the options: what is needed stays, nothing dangles, nothing unneeded is left, the sizes add up', (t) => {
  fc.assert(
    fc.property(graphs, options, (given, chosen) => {
      const {victims, bytesAfter, bytesBefore} = planPrune(given, chosen, now);
      const items = new Map(given.items.map((each) => [each.id, each]));
      const needed = reach(items, [...given.pinned, ...given.leased]);
      for (const id of needed) if (victims.has(id)) throw new Error(`${id} is needed`);
      const left = given.items.filter(({id}) => !victims.has(id));
      for (const {refs} of left) for (const ref of refs) if (victims.has(ref)) throw new Error(`${ref} dangles`);
      const entries = left.filter(({entry, broken}) => entry && !broken).map(({id}) => id);
      const used = reach(items, [...given.pinned, ...given.leased, ...entries]);
      for (const {id} of left) if (!used.has(id)) throw new Error(`${id} is of no use`);
      const size = [...used].reduce((sum, id) => sum + (items.get(id)?.bytes ?? given.linked.get(id) ?? 0), 0);
      if (size !== bytesAfter || bytesAfter > bytesBefore) throw new Error(`${size} is not ${bytesAfter}`);
      if (chosen.keepBytes !== undefined && chosen.olderThan === undefined && chosen.all !== true) {
        // Above the size only what a tag keeps anyway.
        const spare = left.filter(
          ({entry, id, refs}) =>
            entry && !given.leased.includes(id) && !(refs.length > 0 && refs.every((ref) => needed.has(ref))),
        );
        if (bytesAfter > chosen.keepBytes && spare.length > 0) throw new Error(`${spare[0]?.id ?? ''} could go`);
      }
      if (chosen.all === true) {
        const spare = left.find(({id, kind}) => !needed.has(id) && kind !== 'layer');
        if (spare !== undefined) throw new Error(`${spare.id} is left`);
      }
    }),
    {numRuns: 2000},
  );
  t.pass();
});
