import {mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {type RecordedStep, stepKey} from '../../engine/store/build-record.js';
import {formatRecord, parseRecord} from '../../engine/store/build-record-file.js';
import {pastDurations, readHistory, recordBuild} from '../../engine/store/history.js';
import {defaultStoreRoot} from '../../engine/store/root.js';
import {recordedStep, recordOf} from '../helpers/record.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const never = new AbortController().signal;
const build = recordOf({
  args: [{name: 'debian_sources_entry', value: 'deb …', origin: 'default', stage: null}],
  steps: [recordedStep('k1', {seconds: 10})],
});
const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000);
const ran = (key: string, seconds: number, cached = false): RecordedStep => recordedStep(key, {seconds, cached});

test('a build is read back as it was recorded', async (t) => {
  const root = temporaryDirectory(t);
  const recorded = recordBuild(root, build, at(0), never);
  t.true(recorded.written);
  const {records, unreadable} = await readHistory(root, {}, never);
  t.deepEqual(unreadable, []);
  t.like(records[0], {...build, time: '2026-01-01T00:00:00.000Z'});
  t.deepEqual(readdirSync(join(root, 'history')), [`${records[0]?.id ?? ''}.json`]);
});

test('no history is an empty one', async (t) => {
  t.deepEqual(await readHistory('/nonexistent', {}, never), {records: [], unreadable: []});
  t.is((await pastDurations('/nonexistent', never)).size, 0);
});

test('builds are listed newest first, of one project or of all', async (t) => {
  const root = temporaryDirectory(t);
  recordBuild(root, build, at(2), never);
  recordBuild(root, {...build, place: '/src/other'}, at(3), never);
  recordBuild(root, build, at(1), never);
  const seconds = async (options: Parameters<typeof readHistory>[1]) =>
    (await readHistory(root, options, never)).records.map((record) => new Date(record.time).getUTCSeconds());
  t.deepEqual(await seconds({}), [3, 2, 1]);
  t.deepEqual(await seconds({project: build}), [2, 1]);
  t.deepEqual(await seconds({most: 1}), [3]);
});

test('the last 200 of a project stay, and other projects keep theirs', async (t) => {
  const root = temporaryDirectory(t);
  recordBuild(root, {...build, place: '/src/other'}, at(0), never);
  for (let second = 1; second <= 203; second++) recordBuild(root, {...build, steps: []}, at(second), never);
  const {records} = await readHistory(root, {project: build}, never);
  t.is(records.length, 200);
  t.is(records.at(-1)?.time, at(4).toISOString());
  t.is((await readHistory(root, {}, never)).records.length, 201);
});

test('what a clock recorded that was ahead is older than what came after it was set right', async (t) => {
  const root = temporaryDirectory(t);
  recordBuild(root, build, at(1), never);
  // A day ahead, more than there is room for.
  for (let second = 0; second < 203; second++) recordBuild(root, {...build, steps: []}, at(86_400 + second), never);
  recordBuild(root, build, at(3), never);
  recordBuild(root, build, at(4), never);
  const {records} = await readHistory(root, {project: build, most: 3, now: at(5)}, never);
  t.deepEqual(
    records.map(({time}) => time),
    [at(4), at(3), at(86_400 + 202)].map((time) => time.toISOString()),
  );
  t.is((await readHistory(root, {project: build}, never)).records.length, 200);
});

test('builds that end at the same time are all recorded', async (t) => {
  const root = temporaryDirectory(t);
  for (let n = 0; n < 20; n++) recordBuild(root, build, at(0), never);
  t.is((await readHistory(root, {}, never)).records.length, 20);
});

test('broken, empty, foreign and huge files are told and do not hide the others', async (t) => {
  const root = temporaryDirectory(t);
  recordBuild(root, build, at(0), never);
  const directory = join(root, 'history');
  writeFileSync(join(directory, 'a.json'), '{"version": 1, "id"');
  writeFileSync(join(directory, 'b.json'), '');
  writeFileSync(join(directory, 'c.json'), '{"version": 2, "id": "x"}');
  writeFileSync(join(directory, 'd.json'), Buffer.alloc(5 * 1024 * 1024, ' '));
  mkdirSync(join(directory, 'e.json'));
  writeFileSync(join(directory, 'README'), 'x');
  // Of an earlier version of this tool: neither a record nor worth a word.
  writeFileSync(join(directory, 'f.json'), '{"version": 1}');
  const {records, unreadable} = await readHistory(root, {}, never);
  t.is(records.length, 1);
  t.deepEqual(unreadable.toSorted(), ['a.json', 'b.json', 'c.json', 'd.json', 'e.json']);
  t.is((await pastDurations(root, never)).get('k1'), 10);
});

test('what a killed run left half-written is removed after an hour', (t) => {
  const root = temporaryDirectory(t);
  mkdirSync(join(root, 'history'));
  for (const name of ['.old.tmp', '.young.tmp']) writeFileSync(join(root, 'history', name), '{');
  utimesSync(join(root, 'history/.old.tmp'), at(0), at(0));
  recordBuild(root, build, new Date(), never);
  const names = readdirSync(join(root, 'history'));
  t.false(names.includes('.old.tmp'));
  t.true(names.includes('.young.tmp'));
});

test('a root that cannot be written is a note, not a failure', async (t) => {
  const root = join(temporaryDirectory(t), 'file');
  writeFileSync(root, '');
  const recorded = recordBuild(root, build, at(0), never);
  t.false(recorded.written);
  t.regex(recorded.written ? '' : recorded.note, /not in the history: .*ENOTDIR/);
  t.is((await pastDurations(root, never)).size, 0);
});

test('an abort is its reason', (t) => {
  const reason = new Error('enough');
  const aborted = AbortSignal.abort(reason);
  t.is(
    t.throws(() => recordBuild(temporaryDirectory(t), build, at(0), aborted)),
    reason,
  );
});

test('a record is bounded, however large what it tells of', (t) => {
  const root = temporaryDirectory(t);
  const text = 'x'.repeat(100_000);
  const cause = {kind: 'instruction' as const, name: text.slice(0, 9), before: text, after: text, text};
  const steps = Array.from({length: 3000}, () => recordedStep('k', {text, name: text, causes: Array(50).fill(cause)}));
  recordBuild(root, {...build, steps: steps.slice(0, 1)}, at(0), never);
  const [name = ''] = readdirSync(join(root, 'history'));
  t.true(readFileSync(join(root, 'history', name)).length < 50_000);
  const parsed = parseRecord(formatRecord({...build, id: 'x', time: 'y', steps}));
  t.is(parsed?.steps.length, 2000);
});

test('a past duration is the median of the last five runs that were not cached', async (t) => {
  const root = temporaryDirectory(t);
  const runs = [1000, 1, 2, 30, 4, 5];
  for (const [second, seconds] of runs.entries()) {
    const steps = [ran('k', seconds), ran('always-cached', 0.1, true), ...(second > 3 ? [ran('pair', second)] : [])];
    recordBuild(root, {...build, steps}, at(second), never);
  }
  recordBuild(root, {...build, steps: [ran('k', 0, true)]}, at(100), never);
  t.deepEqual(
    await pastDurations(root, never),
    new Map([
      ['k', 4],
      ['pair', 4.5],
    ]),
  );
  t.is((await pastDurations(root, never, {...build, place: '/src/other'})).size, 0);
});

test('a step key follows the stage and the chain of texts', (t) => {
  const first = stepKey('builder', undefined, 'RUN a');
  t.is(first, stepKey('builder', undefined, 'RUN a'));
  t.not(first, stepKey('production', undefined, 'RUN a'));
  t.not(stepKey('builder', first, 'RUN b'), stepKey('builder', undefined, 'RUN b'));
});

test('any text is a record or none', (t) => {
  fc.assert(fc.property(fc.json(), (text) => parseRecord(text) === undefined));
  t.is(parseRecord('{"version":1,"id":"x"}'), undefined);
});

test('the default root follows the user and XDG_DATA_HOME', (t) => {
  t.is(defaultStoreRoot(0, new Map([['XDG_DATA_HOME', '/d']]), '/root'), '/var/lib/build-image');
  t.is(defaultStoreRoot(1000, new Map([['XDG_DATA_HOME', '/d']]), '/home/u'), '/d/build-image');
  t.is(defaultStoreRoot(1000, new Map([['XDG_DATA_HOME', 'd']]), '/home/u'), '/home/u/.local/share/build-image');
  t.is(defaultStoreRoot(1000, new Map(), '/home/u'), '/home/u/.local/share/build-image');
});
