import {PassThrough} from 'node:stream';
import test from 'ava';
import {main} from '../../engine/cli/program.js';
import {parseAge} from '../../engine/cli/store-options.js';
import {renderTable} from '../../engine/cli/table.js';
import type {Terminal} from '../../engine/cli/terminal.js';
import {digestOf, parseDigest} from '../../engine/oci/digest.js';
import {openCache} from '../../engine/store/caches.js';
import {recordBuild} from '../../engine/store/history.js';
import {closeStore, openStore} from '../../engine/store/open.js';
import {completeSnapshot, newSnapshot} from '../../engine/store/snapshots.js';
import {writeRecord} from '../../engine/store/records.js';
import {listTags, writeTag} from '../../engine/store/tags.js';
import {recordedStep, recordOf} from '../helpers/record.js';
import {workshop} from '../helpers/cli.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const never = new AbortController().signal;

/** Runs the command line in this process; what it printed and its exit status. */
async function call(...argv: readonly string[]): Promise<{status: number; answer: string; error: string}> {
  const printed = {answer: '', error: ''};
  const terminal: Terminal = {
    answer: (text) => void (printed.answer += text),
    error: (text) => void (printed.error += text),
    answerStream: new PassThrough(),
    environment: {},
    directory: '/',
    stdin: new PassThrough(),
    errorIsTty: false,
    answerIsTty: false,
    columns: () => 80,
    rows: () => 24,
    uid: 0,
  };
  const status = await main(argv, terminal);
  return {status, ...printed};
}

function fill(root: string): void {
  const store = openStore(root, never);
  const {id} = newSnapshot(store);
  completeSnapshot(store, id, {synced: false, parents: []});
  const other = newSnapshot(store).id;
  completeSnapshot(store, other, {synced: false, parents: [id]});
  const step = {parts: {}, seconds: 1, created: '2026-01-01T00:00:00.000Z'};
  writeRecord(store, {...step, key: 'a'.repeat(64), stepIdentity: 'RUN make', snapshot: other});
  openCache(store, 'npm');
  writeTag(store, {
    reference: 'docker.io/library/app:1',
    manifestDigest: digestOf('manifest'),
    configDigest: digestOf('config'),
    platform: {os: 'linux', architecture: 'arm', variant: 'v7'},
    created: '2026-01-01T00:00:00.000Z',
    snapshots: [id],
  });
  closeStore(store);
}

test('an empty store has no images, no history and nothing to prune', async (t) => {
  const root = `${temporaryDirectory(t)}/none`;
  t.deepEqual(await call('images', '--root', root), {
    status: 0,
    answer: 'IMAGE  ID  PLATFORM  CREATED  SIZE\n',
    error: '',
  });
  t.is((await call('history', '--root', root, '--json')).answer, '{\n  "builds": [],\n  "unreadable": []\n}\n');
  t.like(JSON.parse((await call('du', '--root', root, '--json')).answer), {total: 0, reclaimable: 0, items: []});
  t.is((await call('prune', '--root', root)).answer, 'removed  nothing\nfreed    0 B\nkept     0 B\n');
});

test('images lists names, digests and platforms', async (t) => {
  const root = temporaryDirectory(t);
  fill(root);
  const {answer} = await call('images', '--root', root);
  t.regex(answer, new RegExp(`^app:1 +${digestOf('config').slice(7, 19)} +linux/arm/v7 +2026-01-01T00:00:00 +-$`, 'm'));
  const {images} = JSON.parse((await call('images', '--root', root, '--json')).answer) as {images: readonly unknown[]};
  t.like(images[0], {
    reference: 'docker.io/library/app:1',
    digest: digestOf('manifest'),
    platform: 'linux/arm/v7',
    size: null,
  });
});

test('history lists past builds, the newest first', async (t) => {
  const root = temporaryDirectory(t);
  const build = recordOf({dockerfile: 'Dockerfile', driver: 'embedded', seconds: 75});
  const steps = [recordedStep('k', {cached: true, seconds: 0})];
  for (const [second, outcome] of (['done', 'failed'] as const).entries()) {
    recordBuild(root, {...build, outcome, steps}, new Date(second * 1000), never);
  }
  const {answer} = await call('history', '--root', root);
  const lines = answer.trimEnd().split('\n');
  t.regex(
    lines[1] ?? '',
    /^1970-01-01T00:00:01 +failed +1m 15s +1 step, 1 cached +embedded +portal: Dockerfile \(production\)$/,
  );
  t.is(lines.length, 3);
  t.is((await call('history', '--root', root, '--last', '1')).answer.trimEnd().split('\n').length, 2);
  t.is((await call('history', '--root', root, '--last', '0')).status, 2);
});

test('a past build is named by the beginning of its id where that is the only one', async (t) => {
  const root = temporaryDirectory(t);
  for (const second of [0, 1]) recordBuild(root, recordOf({}), new Date(second * 1000), never);
  const [newest = {id: ''}] = (
    JSON.parse((await call('history', '--root', root, '--json')).answer) as {builds: {id: string}[]}
  ).builds;
  const start = newest.id.slice(0, newest.id.indexOf('-'));
  t.regex((await call('explain', '--root', root, '--build', start)).answer, new RegExp(`^build ${newest.id}$`, 'm'));
  for (const argv of [
    ['explain', '--build', '1970'],
    ['report', '1970'],
  ]) {
    const {status, error} = await call(...argv, '--root', root);
    t.is(status, 1);
    t.regex(error, /the ids of 2 past builds begin with "1970"\nGive more of the id/);
  }
  t.regex((await call('report', 'x', '--root', root)).error, /there is no build or experiment "x"/);
});

test('du says what is there and what is in use', async (t) => {
  const root = temporaryDirectory(t);
  fill(root);
  const {answer} = await call('du', '--root', root, '-v');
  t.regex(answer, /^snapshots +2 +/m);
  t.regex(answer, /^record +a{16} .* no +RUN make$/m);
  t.regex(answer, /^cache .* no +npm$/m);
  t.regex(answer, /^total +\d/m);
  t.regex(answer, /^reclaimable +\d/m);
  t.notRegex((await call('du', '--root', root)).answer, /RUN make/);
});

test('prune removes the cache and keeps the tagged image', async (t) => {
  const root = temporaryDirectory(t);
  fill(root);
  t.regex((await call('prune', '--root', root, '--keep', '1g', '--older-than', '30d')).answer, /^removed {2}nothing$/m);
  const {answer, status} = await call('prune', '--root', root, '--all');
  t.regex(answer, /^removed {2}1 step, 1 snapshot, 1 cache directory$/m);
  t.is(status, 0);
  t.is(listTags(root).length, 1);
});

const wrong: readonly (readonly string[])[] = [
  ['prune', '--keep', 'much'],
  ['prune', '--older-than', '0d'],
  ['prune', '--older-than', 'x'],
  ['prune', '--all', '--keep', '1g'],
  ['prune', '--everything'],
  ['images', 'x'],
];
for (const argv of wrong) {
  test(`${argv.join(' ')} is wrong usage`, async (t) => {
    const {status, error} = await call(...argv);
    t.is(status, 2);
    t.regex(error, /^build-image: /);
  });
}

test('an age is in days or in what a duration is', (t) => {
  t.is(parseAge('30d', '--x'), 2_592_000_000);
  t.is(parseAge('1h30m', '--x'), 5_400_000);
  t.is(parseAge('720h', '--x'), 2_592_000_000);
});

test('a table aligns wide characters and shows control characters', (t) => {
  t.is(renderTable([['a', 'b'], ['日本', 'c\u001b[31m'], []]), 'a     b\n日本  c\\u001b[31m\n\n');
});

for (const [argv, message] of [
  [['biuld'], /neither a command nor a build context "biuld" \(did you mean "build"\?\)/],
  [['base', 'debian:bookworm', '--driver', 'docekr'], /Allowed choices are auto, docker, embedded/],
  [['base', 'debian:bookworm', '--progress', 'loud'], /Allowed choices are auto, tty, plain/],
] as const) {
  test.serial(`"${argv.join(' ')}" is wrong usage, and says what was meant`, async (t) => {
    const {status, answer, error} = await call(...argv);
    t.deepEqual([status, answer], [2, '']);
    t.regex(error, message);
  });
}

test('an ID means all names of its image, a name goes before it, and the digits of two images mean neither', async (t) => {
  const root = temporaryDirectory(t);
  fill(root);
  const store = openStore(root, never);
  const ids = [`sha256:${'ab'.repeat(31)}00`, `sha256:${'ab'.repeat(31)}11`] as const;
  const tag = (name: string, id: string): void =>
    writeTag(store, {
      reference: `docker.io/library/${name}`,
      manifestDigest: digestOf(id),
      configDigest: parseDigest(id),
      platform: {os: 'linux', architecture: 'amd64'},
      created: '2026-01-01T00:00:00.000Z',
      snapshots: [],
    });
  tag('one:1', ids[0]);
  tag('one:2', ids[0]);
  tag('two:1', ids[1]);
  tag('abababab:latest', ids[1]);
  const several = await call('rmi', '--root', root, 'ababababab');
  t.is(several.status, 2);
  t.regex(several.error, /the IDs of several images begin with "ababababab"\nGive more of its digits/);
  t.is((await call('rmi', '--root', root, 'abababab')).answer, 'untagged  abababab:latest\n');
  t.is((await call('rmi', '--root', root, ids[0].slice(7))).answer, 'untagged  one:1\nuntagged  one:2\n');
  closeStore(store);
});

test('an image gets a second name, and loses names; what is not there is named with the nearest', async (t) => {
  const {cli} = workshop(t, undefined, {'app/Dockerfile': 'FROM scratch\nLABEL a=b\n'});
  const built = await cli(['--no-compose', '--driver', 'embedded', 'app', '-t', 'team/app:1']);
  t.is(built.status, 0, built.stderr);
  const tagged = await cli(['tag', 'team/app:1', 'team/app:2', '--json']);
  t.like(JSON.parse(tagged.stdout), {tagged: 'docker.io/team/app:2'});
  const names = async () =>
    (JSON.parse((await cli(['images', '--json'])).stdout) as {images: {reference: string}[]}).images.map(
      ({reference}) => reference,
    );
  t.deepEqual(await names(), ['docker.io/team/app:1', 'docker.io/team/app:2']);
  t.is((await cli(['rmi', 'team/app:1'])).stdout, 'untagged  team/app:1\n');
  t.deepEqual(await names(), ['docker.io/team/app:2']);
  const wrong = await cli(['tag', 'team/ap:2', 'x']);
  t.not(wrong.status, 0);
  t.regex(wrong.stderr, /the store has no image "team\/ap:2" \(did you mean "team\/app:2"\?\)/);
});
