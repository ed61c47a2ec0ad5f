import {appendFileSync, existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {digestOf} from '../../engine/oci/digest.js';
import {writeBlob} from '../../engine/store/blobs.js';
import {claimStep, findRecords, indexName, readRecord, recordPath, writeRecord} from '../../engine/store/records.js';
import {discardSnapshot} from '../../engine/store/snapshots.js';
import {formatStepRecord, parseStepRecord} from '../../engine/store/step-record.js';
import {chunks, keyOf, snapshotWith, stepRecord, testStore} from './stores.js';

test('a record is read back as it was written, with all its fields', async (t) => {
  const store = testStore(t);
  const blob = await writeBlob(store, chunks('layer'));
  const record = stepRecord(keyOf(1), {
    snapshot: snapshotWith(store, 'a', '1'),
    layer: {...blob, diffId: digestOf('tar'), mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip'},
    config: {Env: ['A=1']},
    attachments: [blob.digest],
  });
  writeRecord(store, record);
  t.deepEqual(readRecord(store, keyOf(1)), record);
  t.is(readRecord(store, keyOf(2)), undefined);
  t.deepEqual(claimStep(store, keyOf(1)), {record, chain: [record.snapshot ?? '']});
});

test('a key may be a digest, and nothing that is a path', (t) => {
  const store = testStore(t);
  const key = digestOf('step');
  writeRecord(store, stepRecord(key));
  t.is(readRecord(store, key)?.key, key);
  for (const wrong of [
    '',
    '../../etc/passwd',
    'ab',
    'sha256:',
    `${keyOf(1)}/..`,
    keyOf(1).toUpperCase().replace('1', 'A'),
  ]) {
    t.throws(() => readRecord(store, wrong), {code: 'STORE_CORRUPT'});
  }
});

test('a record is found with and without the name of the algorithm in front of its key', (t) => {
  const store = testStore(t);
  const key = digestOf('step');
  writeRecord(store, stepRecord(key));
  t.is(readRecord(store, key.slice('sha256:'.length))?.key, key);
  t.is(claimStep(store, key)?.record.key, key);
});

const valid = formatStepRecord(stepRecord(keyOf(1)));
const damage: Readonly<Record<string, string>> = {
  empty: '',
  'cut off': valid.slice(0, -20),
  'of another key': formatStepRecord(stepRecord(keyOf(2))),
  'of a later version': valid.replace('"version":1', '"version":2'),
  'with a path as snapshot': valid.replace('"snapshot":null', '"snapshot":"../../etc"'),
  'with a wrong layer': valid.replace('"snapshot":null', '"snapshot":null,"layer":{"digest":"sha256:x"}'),
  'without parts': valid.replace(/"parts":\{.*?\}.*?\},/, ''),
  'a list': '[]',
  null: 'null',
};
for (const [name, text] of Object.entries(damage)) {
  test(`a record file that is ${name} counts as none and is removed`, (t) => {
    const store = testStore(t);
    const path = recordPath(store.root, keyOf(1));
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, text);
    t.is(readRecord(store, keyOf(1)), undefined);
    t.false(existsSync(path));
  });
}

test('any JSON is a record or none', (t) => {
  fc.assert(fc.property(fc.json(), (text) => parseStepRecord(text, keyOf(1)) === undefined));
  t.not(parseStepRecord(valid, keyOf(1)), undefined);
});

const ages: readonly (readonly [name: string, ageMs: number, touched: boolean])[] = [
  ['of half a minute ago', 30_000, false],
  ['of an hour ago', 3_600_000, true],
  ['in the future, of a clock that was set back', -3_600_000, true],
];
for (const [name, age, touched] of ages) {
  test(`a last use ${name} is ${touched ? 'set to now' : 'left'}`, (t) => {
    const store = testStore(t);
    writeRecord(store, stepRecord(keyOf(1)));
    const path = recordPath(store.root, keyOf(1));
    const at = new Date(Date.now() - age);
    utimesSync(path, at, at);
    readRecord(store, keyOf(1));
    t.is(Math.abs(Date.now() - statSync(path).mtimeMs) < 10_000, touched);
  });
}

test('a record whose snapshot is gone is no hit', (t) => {
  const store = testStore(t);
  const base = snapshotWith(store, 'a', '1');
  const top = snapshotWith(store, 'b', '2', [base]);
  writeRecord(store, stepRecord(keyOf(1), {snapshot: top}));
  t.deepEqual(claimStep(store, keyOf(1))?.chain, [base, top]);
  discardSnapshot(store, base);
  t.is(claimStep(store, keyOf(1)), undefined);
});

test('a record whose layer is gone is a hit without a layer', (t) => {
  const store = testStore(t);
  const layer = {digest: digestOf('gone'), size: 4, diffId: digestOf('tar'), mediaType: 'x'};
  writeRecord(store, stepRecord(keyOf(1), {layer}));
  t.deepEqual(claimStep(store, keyOf(1)), {record: stepRecord(keyOf(1)), chain: []});
});

test('past records of a step are found, the last one first and each once', (t) => {
  const store = testStore(t);
  for (const number of [1, 2, 1, 3]) writeRecord(store, stepRecord(keyOf(number)));
  writeRecord(store, stepRecord(keyOf(4), {stepIdentity: 'other / ../'}));
  const found = (most?: number) =>
    findRecords(store, {stepIdentity: 'builder 1', ...(most !== undefined && {most})}).map(({key}) => Number(key));
  t.deepEqual(found(), [3, 1, 2]);
  t.deepEqual(found(1), [3]);
  t.is(findRecords(store, {stepIdentity: 'other / ../'}).length, 1);
  t.deepEqual(findRecords(store, {stepIdentity: 'none'}), []);
});

test('the last records of a step that was built very often are found', (t) => {
  const store = testStore(t);
  writeRecord(store, stepRecord(keyOf(1)));
  const index = join(store.root, 'steps', indexName('builder 1'));
  appendFileSync(index, `${keyOf(2)}\n`.repeat(20_000));
  writeRecord(store, stepRecord(keyOf(3)));
  t.deepEqual(
    findRecords(store, {stepIdentity: 'builder 1'}).map(({key}) => Number(key)),
    [3],
  );
});

test('a record is a file that others can read', (t) => {
  const store = testStore(t);
  writeRecord(store, stepRecord(keyOf(1)));
  t.is((JSON.parse(readFileSync(recordPath(store.root, keyOf(1)), 'utf8')) as {version: number}).version, 1);
});
