import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {bundledCli, bundledMain, type BundledRun} from '../helpers/bundled-cli.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const files: Readonly<Record<string, string>> = {
  Dockerfile: `FROM t/base AS a
COPY . /a/
FROM t/base
ARG V=1
COPY --from=a /a/out.txt /
LABEL v=$V
`,
  '.dockerignore': 'ignored\n!ignored/*.yes\n',
  'out.txt': 'one\n',
  'd/f': 'one\n',
  'ignored/no': 'one\n',
};

interface Place {
  /** Below the context. */
  readonly at: (path: string) => string;
  readonly put: (path: string, text: string) => void;
  readonly store: string;
  readonly cli: ReturnType<typeof bundledCli>;
  readonly build: (...more: string[]) => Promise<BundledRun>;
}

const flags = [
  '--driver',
  'embedded',
  '-t',
  'app',
  '--artifact',
  '*.txt',
  '--artifacts-dir',
  'taken',
  '--progress',
  'plain',
];

async function place(t: ExecutionContext): Promise<Place | undefined> {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return undefined;
  if (!available(t, existsSync(bundledMain), 'not bundled: npm run bundle')) return undefined;
  const root = temporaryDirectory(t);
  const cli = bundledCli(root);
  const at = (path: string) => join(root, 'context', path);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), {recursive: true});
    writeFileSync(at(path), text);
  };
  for (const [path, text] of Object.entries(files)) put(path, text);
  await makeBase(t, root, cli, 'one');
  return {at, put, store: join(root, 'store'), cli, build: (...more) => cli(['build', 'context', ...flags, ...more])};
}

async function makeBase(t: ExecutionContext, root: string, cli: Place['cli'], text: string): Promise<void> {
  mkdirSync(join(root, 'base'), {recursive: true});
  writeFileSync(join(root, 'base/Dockerfile'), 'FROM scratch\nCOPY base.txt /\n');
  writeFileSync(join(root, 'base/base.txt'), text);
  const base = await cli(['build', 'base', '--driver', 'embedded', '-t', 't/base', '--no-artifacts']);
  t.is(base.status, 0, base.stderr);
}

/** Builds until the outcome is kept; the answer of the build that is answered by it. */
async function settled(t: ExecutionContext, {build}: Place): Promise<BundledRun> {
  const cold = await build();
  t.is(cold.status, 0, cold.stderr);
  await sleep(2200);
  const kept = await build();
  t.false(kept.replayed);
  const again = await build();
  t.true(again.replayed, again.stderr);
  t.is(again.stdout, kept.stdout);
  return again;
}

type Change = (here: Place, t: ExecutionContext) => void | Promise<void>;

const outcomes = ({store}: Place) => readdirSync(join(store, 'outcomes')).map((name) => join(store, 'outcomes', name));

/** The settings come from a Compose service, whose files read others. */
const composeFiles: Readonly<Record<string, string>> = {
  'compose.yaml': `include: [more/included.yaml]
services:
  web:
    extends: {file: more/base.yaml, service: base}
    image: app
    env_file: ['\${WHICH:-one}.env']
    build: {context: ., dockerfile: Dockerfile, args: {V: '\${VALUE:-1}'}}
`,
  'more/included.yaml': 'services: {other: {image: other}}\n',
  'more/base.yaml': 'services: {base: {build: {labels: {from: base}}}}\n',
  '.env': 'VALUE=2\n',
  'one.env': 'A=1\n',
  // Not the build's: what Compose reads is looked at by itself.
  '.dockerignore': 'ignored\n!ignored/*.yes\n*.yaml\n*.env\n.env\nmore\ncompose*\n',
};

const composeChanges: readonly (readonly [what: string, change: Change])[] = [
  ['the Compose file', ({at}) => appendFileSync(at('compose.yaml'), '# more\n')],
  ['an override', ({put}) => put('compose.override.yaml', 'services: {web: {build: {args: {V: 3}}}}\n')],
  ['a file that it includes', ({at}) => appendFileSync(at('more/included.yaml'), '# more\n')],
  ['a file that a service extends', ({at}) => appendFileSync(at('more/base.yaml'), '# more\n')],
  ['the variables', ({put}) => put('.env', 'VALUE=3\n')],
  ['an env file that is gone', ({at}) => rmSync(at('one.env'))],
  ['a file of the context', ({put}) => put('out.txt', 'two\n')],
];

for (const [what, change] of composeChanges) {
  test(`what was kept of a Compose service does not answer after a change of ${what}`, async (t) => {
    const plain = await place(t);
    if (plain === undefined) return;
    for (const [path, text] of Object.entries(composeFiles)) plain.put(path, text);
    const flags = ['--driver', 'embedded', '--artifact', '*.txt', '--artifacts-dir', 'taken', '--progress', 'plain'];
    const here: Place = {...plain, build: (...more) => plain.cli(['build', 'context', ...flags, ...more])};
    const before = await settled(t, here);
    t.regex(before.stderr, /settings of service web/);
    await change(here, t);
    const after = await here.build();
    t.false(after.replayed);
    t.is(after.status, 0, after.stderr);
  });
}

/** Each is noticed at once; `same`: the image is the same as before. */
const changes: readonly (readonly [what: string, change: Change, image: 'same' | 'other' | 'fails'])[] = [
  ['a file with other content of the same size', ({put}) => put('out.txt', 'two\n'), 'other'],
  ['a file below a directory', ({put}) => put('d/f', 'two\n'), 'same'],
  ['a new file', ({put}) => put('d/new', ''), 'same'],
  ['a file that is gone', ({at}) => rmSync(at('d/f')), 'same'],
  ['a mode', ({at}) => chmodSync(at('out.txt'), 0o600), 'other'],
  [
    'a file that was moved over another',
    ({at, put}) => {
      put('../beside', 'two\n');
      renameSync(at('../beside'), at('out.txt'));
    },
    'other',
  ],
  ['a new file that an ignore rule lets through', ({put}) => put('ignored/a.yes', ''), 'same'],
  ['the Dockerfile', ({at}) => appendFileSync(at('Dockerfile'), 'LABEL w=1\n'), 'other'],
  [
    'a Dockerfile that goes before it',
    ({put}) =>
      put('docker/Dockerfile', 'FROM t/base AS a\nCOPY . /a/\nFROM t/base\nCOPY --from=a /a/out.txt /other.txt\n'),
    'other',
  ],
  ['the ignore file', ({put}) => put('.dockerignore', 'out.txt\n'), 'fails'],
  ['an ignore file of the Dockerfile', ({put}) => put('Dockerfile.dockerignore', 'out.txt\n'), 'fails'],
  [
    'a Compose file',
    ({put}) => put('compose.yaml', 'services: {web: {image: app, build: {context: ., args: {V: 2}}}}\n'),
    'other',
  ],
  ['.env that names a Compose file', ({put}) => put('.env', 'COMPOSE_FILE=absent.yaml\n'), 'fails'],
  ['a policy file', ({put}) => put('build-image.yaml', 'deliver: {}\n'), 'same'],
  ['the tag that is gone', async ({cli}, t) => void t.is((await cli(['rmi', 'app'])).status, 0), 'same'],
  ['an artifact that is gone', ({at}) => rmSync(at('../taken/out.txt')), 'same'],
  ['an artifact that was changed', ({at}) => writeFileSync(at('../taken/out.txt'), 'two\n'), 'same'],
  ['a step record that is gone', ({store}) => rmSync(join(store, 'records'), {recursive: true}), 'other'],
  ['a snapshot that is gone', ({store}) => rmSync(join(store, 'snapshots'), {recursive: true}), 'fails'],
  ['a base image that has moved', async (here, t) => makeBase(t, dirname(here.store), here.cli, 'two'), 'other'],
  [
    'a build that ran every step again',
    async ({build}, t) => void t.is((await build('--no-cache')).status, 0),
    'other',
  ],
  ['a damaged outcome', (here) => outcomes(here).forEach((path) => appendFileSync(path, ' ')), 'same'],
  [
    'an outcome that was cut',
    (here) => outcomes(here).forEach((path) => writeFileSync(path, readFileSync(path).subarray(0, 500))),
    'same',
  ],
];

const imageOf = ({stdout}: BundledRun) => /^image +(sha256:\w+)/m.exec(stdout)?.[1];

for (const [what, change, image] of changes) {
  test(`what was kept does not answer after a change of ${what}`, async (t) => {
    const here = await place(t);
    if (here === undefined) return;
    const before = await settled(t, here);
    await change(here, t);
    const after = await here.build();
    t.false(after.replayed);
    if (image === 'fails') return;
    t.is(after.status, 0, after.stderr);
    t.is(imageOf(after) === imageOf(before) ? 'same' : 'other', image, after.stderr);
    const names = await here.cli(['images', '--json']);
    t.true(names.stdout.includes(imageOf(after) ?? '?'), names.stdout);
    t.is(readFileSync(here.at('../taken/out.txt'), 'utf8'), readFileSync(here.at('out.txt'), 'utf8'));
  });
}

test('a write right after a build gives another image', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  const images = new Set<string | undefined>();
  for (const text of ['abc\n', 'abd\n', 'abe\n']) {
    here.put('out.txt', text);
    for (let run = 0; run < 3; run++) {
      const built = await here.build();
      t.is(built.status, 0, built.stderr);
      images.add(imageOf(built));
    }
  }
  t.is(images.size, 3);
});

test('what is ignored does not count; other arguments, another environment and another place do', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  await settled(t, here);
  here.put('ignored/no', 'two\n');
  t.true((await here.build()).replayed);
  t.true((await here.cli(['build', 'context', ...flags], {OLDPWD: '/', SHLVL: '7', _: 'x'})).replayed);
  t.false((await here.build('--build-arg', 'V=2')).replayed);
  t.false((await here.cli(['build', 'context', ...flags], {V: '2'})).replayed);
  t.false((await here.cli(['build', '../context', ...flags])).replayed);
  // The tag has gone to another image meanwhile.
  t.false((await here.build()).replayed);
  t.true((await here.build()).replayed);
  const pruned = await here.cli(['prune', '--all']);
  t.is(pruned.status, 0, pruned.stderr);
  const after = await here.build();
  t.is(after.status, 0, after.stderr);
  t.false(after.replayed);
});

test('what may not be kept is not: other outputs, files to write, no cache, secrets', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  here.put('../secret', 'secret');
  const tables = [
    ['--output', 'type=oci,dest=out.tar'],
    ['--iidfile', 'iid'],
    ['--metadata-file', 'metadata'],
    ['--summary', 'summary'],
    ['--no-cache'],
    ['--timeout', '1h'],
    ['--secret', 'id=a,src=secret'],
  ];
  await here.build();
  await sleep(2200);
  for (const more of tables) {
    for (let run = 0; run < 2; run++) {
      const built = await here.build(...more);
      t.is(built.status, 0, built.stderr);
      t.false(built.replayed, more.join(' '));
    }
  }
});

/** Without what tells runs apart. */
const timeless = (text: string) =>
  text.replaceAll(/\d+(\.\d+)?(?:e-\d+)?s/g, 'T').replaceAll(/"(seconds|start)": ?[\d.e-]+/g, '"$1":T');

test('what is said, and what the history has, is what a build says', async (t) => {
  const here = await place(t);
  if (here === undefined) return;
  await settled(t, here);
  const last = () => {
    const directory = join(here.store, 'history');
    const names = readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .sort();
    const text = readFileSync(join(directory, names.at(-1) ?? ''), 'utf8');
    const {id, time, ...rest} = JSON.parse(text) as Record<string, unknown>;
    t.is(typeof id, typeof time);
    return {count: names.length, text: timeless(JSON.stringify(rest))};
  };
  const modes = [['--json'], ['--quiet'], ['--progress', 'rawjson'], ['--progress', 'quiet'], []];
  for (const more of modes) {
    const built = await here.build(...more);
    const before = last();
    const again = await here.build(...more);
    const after = last();
    t.true(again.replayed, more.join(' '));
    t.is(timeless(again.stdout), timeless(built.stdout));
    const said = (text: string) => timeless(text.replaceAll(/"time":"[^"]*"/g, ''));
    t.is(said(again.stderr), more.length === 0 ? said(again.stderr) : said(built.stderr));
    t.is(after.count, before.count + 1);
    t.is(after.text, before.text);
  }
  const many = await Promise.all([1, 2, 3, 4].map(() => here.cli(['build', 'context', ...flags])));
  t.is(new Set(many.map(({stdout}) => stdout)).size, 1);
  for (const room of ['leases', 'tmp']) t.deepEqual(readdirSync(join(here.store, room)), [], room);
});
