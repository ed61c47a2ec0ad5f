import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import test from 'ava';
import {openContext} from '../../engine/context/open-context.js';

interface Golden {
  readonly files: readonly string[];
  readonly cases: readonly {
    readonly ignore: string;
    readonly error?: true;
    readonly missing?: readonly string[];
    readonly directories?: readonly string[];
  }[];
}

// What `docker build` (Docker 28, BuildKit) copies of one tree with `COPY . /`, for each ignore file.
const golden = JSON.parse(readFileSync('test/fixtures/context/docker-ignore.json', 'utf8')) as Golden;
const {signal} = new AbortController();
const root = mkdtempSync(join(tmpdir(), 'build-image-test-'));
test.after.always(() => rmSync(root, {recursive: true, force: true}));
test.before(() => {
  for (const file of golden.files) {
    mkdirSync(dirname(join(root, file)), {recursive: true});
    writeFileSync(join(root, file), '');
  }
});

golden.cases.forEach(({ignore, error, missing = [], directories = []}, index) => {
  test.serial(`docker's choice of files is ours, case ${index + 1}: ${JSON.stringify(ignore)}`, async (t) => {
    writeFileSync(join(root, '.dockerignore'), ignore);
    if (error === true) {
      await t.throwsAsync(openContext(root, {}, signal), {code: 'IGNORE_PATTERN'});
      return;
    }
    const context = await openContext(root, {}, signal);
    const sent = new Map<string, string>();
    for await (const entry of context.walk(signal)) sent.set(entry.path, entry.type);
    t.deepEqual(
      golden.files.filter((file) => !sent.has(file)),
      missing,
    );
    t.deepEqual(
      [...sent].flatMap(([path, type]) => (type === 'directory' ? [path] : [])).sort(),
      [...directories].sort(),
    );
    // One path asked by itself gets the same answer as the walk gives.
    t.deepEqual(
      golden.files.filter((file) => context.rules.ignores(file)),
      missing,
    );
  });
});
