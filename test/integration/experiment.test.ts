import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {BuildRecord} from '../../engine/store/build-record.js';
import type {ExperimentResult} from '../../engine/experiment/result.js';
import {type CliRun, type CliOptions, namesIn, workshop} from '../helpers/cli.js';
import {busyboxImage, daemonOrSkip, removeAfter} from '../helpers/daemon.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {writeBusybox} from '../helpers/busybox-tree.js';

const dockerfile = (base: string, run: string): string => `FROM ${base} AS builder
LABEL run=${run}
RUN : ${run}; sleep 1; mkdir /out; echo built > /out/x
FROM ${base} AS production
LABEL run=${run}
ENV PORT=80 MODE=plain
ARG VERSION=1
COPY --from=builder /out /out
RUN if [ "$VERSION$PORT" = 4443 ]; then echo broken; exit 4; fi; echo $VERSION > /version
`;

const file = `name: NAME
matrix:
  arg: {VERSION: [1, 2, 3, 4]}
  env: {PORT: [80, 443]}
expect:
  - must-contain: {file: /version}
    must-not-contain: {file: /etc/shadow}
  - when: {arg: {VERSION: 2}}
    max-size: 1b
`;

interface Bench {
  readonly root: string;
  readonly run: (args: readonly string[], options?: CliOptions) => Promise<CliRun>;
}

async function embedded(t: ExecutionContext): Promise<Bench | undefined> {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return undefined;
  const {cli, root, run} = workshop(t, undefined, {
    Dockerfile: dockerfile('t/base', 'x'),
    'e.yaml': file.replace('NAME', 'x'),
  });
  writeBusybox(join(root, 'base'));
  const common = ['--driver', 'embedded', '--no-compose'];
  const base = await cli(['build', ...common, '-t', 't/base', 'base']);
  t.is(base.status, 0, base.stderr);
  t.truthy(run);
  return {root, run: (args, options) => cli([...args, ...common], options)};
}

async function docker(t: ExecutionContext): Promise<Bench | undefined> {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon === undefined) return undefined;
  const base = await busyboxImage(daemon);
  const {cli, root, run} = workshop(t, daemon);
  const {writeTree} = await import('../helpers/tree.js');
  writeTree(root, {Dockerfile: dockerfile(base, run), 'e.yaml': file.replace('NAME', `t${run}`)});
  const tags = [1, 2, 3, 4].flatMap((version) =>
    [80, 443].map((port) => `experiment/t${run}:version-${version}-port-${port}`),
  );
  removeAfter(t, daemon, ...tags);
  const common = ['--driver', 'docker', '--no-compose'];
  return {root, run: (args, options) => cli([...args, ...common], options)};
}

const resultOf = ({stdout}: CliRun): ExperimentResult => JSON.parse(stdout) as ExperimentResult;

for (const [name, bench] of [
  ['embedded', embedded],
  ['docker', docker],
] as const) {
  test(`${name}: of eight variants the stage they share is built once, one that fails leaves seven`, async (t) => {
    const here = await bench(t);
    if (here === undefined) return;
    const plan = await here.run(['experiment', 'plan', 'e.yaml']).then(({stdout}) => stdout);
    t.regex(plan, /8 variants, 10 steps instead of 24/);
    t.deepEqual(namesIn(join(here.root, 'out')), []);
    const run = await here.run(['experiment', 'e.yaml', '--json', '--output', 'out']);
    t.is(run.status, 1, run.stderr);
    const {variants, skipped} = resultOf(run);
    t.is(variants.length, 8);
    t.deepEqual(skipped, []);
    const built = variants.filter(({status}) => status === 'built');
    t.is(built.length, 7);
    const made = variants
      .flatMap(({timings}) => timings)
      .filter((step) => !step.cached && step.name.includes('/out/x'));
    t.is(made.length, 1, run.stderr);
    t.true(variants.slice(1).every(({steps}) => steps.ran <= 1));
    for (const one of built) {
      t.is(one.expectations.length, one.overrides.arg['VERSION'] === '2' ? 3 : 2);
      t.true(one.expectations.filter(({name: what}) => what.startsWith('must')).every(({holds}) => holds));
      t.true(one.expectations.filter(({name: what}) => what.startsWith('max')).every(({holds}) => !holds));
      t.true((one.image?.size ?? 0) > 100_000);
      t.regex(one.image?.digest ?? '', /^sha256:/);
    }
    t.is(new Set(built.map(({image}) => image?.digest)).size, 7);
    const [broken] = variants.filter(({status}) => status === 'failed');
    t.deepEqual(broken?.overrides, {arg: {VERSION: '4'}, env: {PORT: '443'}, base: {}});
    t.regex(broken?.error ?? '', /Dockerfile:9/);
    // What ran to its end is not resumed: the next run is a run of its own, answered by the cache.
    const again = await here.run(['experiment', 'e.yaml', '--json', '--output', 'out']);
    t.true(resultOf(again).variants.every(({resumed}) => !resumed));
    t.is(
      resultOf(again).variants.reduce((sum, {steps}) => sum + steps.ran, 0),
      1,
      'the step that fails',
    );
  });
}

test('a run that is killed is resumed: what was finished is not built again', async (t) => {
  const here = await embedded(t);
  if (here === undefined) return;
  let killed = false;
  const args = ['experiment', 'e.yaml', '--jobs', '1', '--output', 'out'];
  const run = await here.run(args, {
    onProgress: (text, pid) => {
      if (killed || !/^3\/8 /m.test(text)) return;
      killed = true;
      process.kill(pid, 'SIGKILL');
    },
  });
  t.is(run.status, null);
  const journal = readFileSync(join(here.root, 'out/journal.jsonl'), 'utf8');
  const finished = journal.split('\n').filter((line) => line.includes('"key"')).length;
  t.true(finished >= 3 && finished < 8);
  const again = await here.run([...args, '--json']);
  const {variants} = resultOf(again);
  t.is(variants.length, 8);
  t.is(variants.filter(({resumed}) => resumed).length, finished);
  t.regex(again.stderr, new RegExp(`resumes an interrupted run: ${finished} of 8`));
  t.is(again.stderr.match(/^\d\/8 /gm)?.length, 8 - finished);
});

test('flags make an experiment, fail-fast stops it, expectations and time limits are checked', async (t) => {
  const here = await embedded(t);
  if (here === undefined) return;
  const stopped = await here.run([
    ...[
      'experiment',
      '.',
      '--matrix',
      'VERSION=4,1,2',
      '--matrix',
      'env:PORT=443',
      '--fail-fast',
      '--jobs',
      '1',
      '--json',
    ],
  ]);
  t.is(stopped.status, 1, stopped.stderr);
  t.deepEqual(resultOf(stopped).skipped, ['VERSION=1 PORT=443', 'VERSION=2 PORT=443']);
  const expected = await here.run([
    ...['experiment', '.', '--matrix', 'VERSION=4', '--matrix', 'env:PORT=443', '--expect', 'exit=1', '--json'],
  ]);
  t.is(expected.status, 0, expected.stderr);
  t.is(resultOf(expected).variants[0]?.status, 'failed');
  const late = await here.run([
    'experiment',
    '.',
    '--matrix',
    'target=builder',
    '--no-cache',
    '--timeout',
    '500ms',
    '--json',
  ]);
  t.is(late.status, 1);
  t.is(resultOf(late).variants[0]?.status, 'timeout');
  const table = await here.run(['experiment', '.', '--matrix', 'VERSION=1,2']);
  t.is(table.status, 0, table.stderr);
  t.regex(table.stdout, /^VERSION +STATUS .*\n1 +built .*baseline\n2 +built /);
  const wrong = await here.run(['experiment', '.', '--matrix', 'VERSOIN=1,2']);
  t.is(wrong.status, 2);
  t.regex(wrong.stderr, /declares no ARG "VERSOIN" \(did you mean "VERSION"\?\)/);
  const undeclared = await here.run(['experiment', '.', '--matrix', 'env:PROT=1,2']);
  t.is(undeclared.status, 2);
  t.regex(undeclared.stderr, /PROT/);
});

test('a step that variants share ran because of its own ARG, whichever of them is recorded first', async (t) => {
  const here = await embedded(t);
  if (here === undefined) return;
  writeFileSync(
    join(here.root, 'Dockerfile'),
    'FROM t/base\nARG V=1\nRUN sleep 1; echo $V > /v\nENV PORT=80\nCMD ["x"]\n',
  );
  t.is((await here.run(['build', '--build-arg', 'V=0', '--no-artifacts'])).status, 0);
  const args = ['experiment', '--matrix', 'V=1,2,3', '--matrix', 'env:PORT=1,2', '--jobs', '6', '--output', 'out'];
  const run = await here.run(args);
  t.is(run.status, 0, run.stderr);
  const directory = join(here.root, '../store/history');
  const records = namesIn(directory)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')) as BuildRecord);
  const ran = records.flatMap(({steps}) => steps).filter(({name, cached}) => name.includes('> /v') && !cached);
  t.is(ran.length, 4);
  const texts = ran.flatMap(({causes}) => causes.map(({text}) => text));
  t.is(texts.filter((text) => text.includes('ARG V')).length, 3, texts.join('; '));
  t.false(
    texts.some((text) => text.includes('store')),
    texts.join('; '),
  );
});
