import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import type {PlanReport} from '../../engine/plan/report.js';
import type {BuildRecord, RecordedStep} from '../../engine/store/build-record.js';
import {reasonOf} from '../../engine/cli/explain-command.js';
import {type CliRun, workshop} from '../helpers/cli.js';
import {daemonOrSkip, type TestDaemon} from '../helpers/daemon.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {writeTree} from '../helpers/tree.js';

type DriverName = 'embedded' | 'docker';

/** What the Dockerfile says at the moment. */
interface Texts {
  comment: string;
  command: string;
  document: string;
  owner: string;
  cacheId: string;
  shell: string;
  swapped: boolean;
}

interface Scene {
  readonly root: string;
  readonly driver: DriverName;
  /** What a daemon has of earlier runs of this test is none of this one's. */
  readonly salt: string;
  readonly texts: Texts;
  /** Flags of every build from now on, by name. */
  readonly flags: Map<string, readonly string[]>;
  /** Makes the image that stage `based` starts from, with this file in it. */
  readonly rebase: (content: string) => Promise<void>;
}

/** Causes by kind and name, by what the step is called in `ids`. Steps not named ran because the one before them did. */
type Expected = Readonly<Record<string, readonly string[]>>;

interface Kind {
  readonly name: string;
  readonly change?: (scene: Scene) => void | Promise<void>;
  /** Flags of this build only. */
  readonly flags?: readonly string[];
  readonly expected: Expected | ((driver: DriverName) => Expected);
  readonly only?: DriverName;
  /** What is said of the first step in `expected`. */
  readonly says?: RegExp;
}

function dockerfile(texts: Texts, driver: DriverName, tag: string): string {
  // Debian's daemon knows neither here-documents nor named contexts.
  const bodies =
    driver === 'embedded' ? ['RUN <<EOF', 'echo start', `echo ${texts.document}`, 'EOF'] : ['RUN echo one'];
  const pair = ['RUN echo left > /left', 'RUN echo right > /right'];
  return [
    `# ${texts.comment}`,
    'FROM scratch AS builder',
    'COPY rootfs salt /',
    'WORKDIR /work',
    `SHELL ["${texts.shell}", "-c"]`,
    'ARG UNUSED=1',
    'ARG USED=1',
    'ENV SETTING=1',
    'RUN echo plain > /plain',
    'RUN echo "$USED $SETTING" > /used',
    `RUN ${texts.command}`,
    ...bodies,
    `RUN --mount=type=cache,target=/c,id=${texts.cacheId} --mount=type=secret,id=token true`,
    'COPY src /src',
    ...(driver === 'embedded' ? ['COPY --from=other . /other'] : ['RUN echo no context']),
    ...(texts.swapped ? pair.toReversed() : pair),
    `FROM ${tag} AS based`,
    'RUN true',
    'FROM scratch AS app',
    `COPY --chown=${texts.owner} --from=builder /src /srv`,
    '',
  ].join('\n');
}

const ids: Readonly<Record<string, string>> = {
  ...{root: 'builder.1', workdir: 'builder.2', plain: 'builder.7', used: 'builder.8', command: 'builder.9'},
  ...{document: 'builder.10', mounts: 'builder.11', copy: 'builder.12', other: 'builder.13', pair: 'builder.14'},
  second: 'builder.15',
  ...{based: 'based.1', app: 'app.1'},
};

/** What the last stage copies has changed: the files are known where this tool built them. */
const copied = (driver: DriverName): Expected => ({
  copy: ['files files'],
  app: driver === 'embedded' ? ['files files'] : ['stage builder.15'],
});
const touch = (path: string) => utimesSync(path, new Date(), new Date());
const everything = [
  'root',
  'workdir',
  'plain',
  'used',
  'command',
  'document',
  'mounts',
  'copy',
  'other',
  'pair',
  'second',
];

const kinds: readonly Kind[] = [
  {
    name: "a file's content",
    change: ({root, salt}) => writeFileSync(join(root, 'src/app.py'), `2 ${salt}\n`),
    expected: copied,
    says: /^ran again: 1 of 2 files changed: src\/app\.py$/,
  },
  {
    name: "a file's mode",
    change: ({root}) => chmodSync(join(root, 'src/app.py'), 0o755),
    expected: copied,
    says: /src\/app\.py \(mode 0644 -> 0755\)$/,
  },
  {
    name: 'an added file',
    change: ({root}) => writeFileSync(join(root, 'src/new.py'), 'new\n'),
    expected: copied,
    says: /^ran again: 1 of 3 files changed: src\/new\.py \(added\)$/,
  },
  {
    name: 'a renamed file',
    change: ({root}) => renameSync(join(root, 'src/new.py'), join(root, 'src/renamed.py')),
    expected: copied,
    says: /1 of 3 files changed: src\/renamed\.py \(renamed from src\/new\.py\)$/,
  },
  {name: 'an ignored file', change: ({root}) => writeFileSync(join(root, 'src/a.log'), 'new\n'), expected: {}},
  {name: 'times only', change: ({root}) => touch(join(root, 'src/app.py')), expected: {}},
  {
    name: 'the ignore file',
    change: ({root}) => writeFileSync(join(root, '.dockerignore'), '*.log\n**/*.log\nsrc/data.txt\n'),
    expected: copied,
    says: /src\/data\.txt \(left out now by \.dockerignore:3: src\/data\.txt\)$/,
  },
  {
    name: 'an ARG that is used',
    change: ({flags}) => void flags.set('used', ['--build-arg', 'USED=2']),
    expected: {plain: ['arg USED'], used: ['arg USED', 'step builder.7']},
    says: /because ARG USED 1 -> 2, which it does not mention: move the ARG below line 9 to keep 1 step cached$/,
  },
  {
    name: 'an ARG that is not used',
    change: ({flags}) => void flags.set('unused', ['--build-arg', 'UNUSED=2']),
    expected: {plain: ['arg UNUSED']},
    says: /ARG UNUSED 1 -> 2, which it does not mention: nothing in the stage mentions it: remove the ARG, or move it/,
  },
  {
    name: 'an ENV override',
    change: ({flags}) => void flags.set('env', ['--env', 'SETTING=2']),
    expected: {plain: ['env SETTING'], used: ['env SETTING', 'step builder.7']},
    says: /because ENV SETTING 1 -> 2, which it does not mention/,
  },
  {name: 'white space in a comment', change: ({texts}) => void (texts.comment += '   '), expected: {}},
  {
    name: 'the text of an instruction',
    change: ({texts}) => void (texts.command = 'echo other'),
    expected: {command: ['instruction RUN']},
    says: /because the instruction RUN echo first -> echo other$/,
  },
  {
    name: 'the body of a here-document',
    only: 'embedded',
    change: ({texts}) => void (texts.document = 'two'),
    expected: {document: ['heredoc <<']},
    says: /because the here-document line 2: echo one -> echo two$/,
  },
  {
    name: 'COPY --chown',
    change: ({texts}) => void (texts.owner = '7:7'),
    expected: {app: ['flag --chown']},
    says: /because --chown 0:0 -> 7:7$/,
  },
  {
    name: 'the id of a cache mount',
    change: ({texts}) => void (texts.cacheId = 'two'),
    expected: {mounts: ['mount --mount /c id']},
    says: /because --mount \/c: id one -> two$/,
  },
  {name: 'the value of a secret', change: ({root}) => writeFileSync(join(root, '../token'), 'hunter3'), expected: {}},
  {
    name: '--no-cache',
    flags: ['--no-cache'],
    expected: Object.fromEntries([...everything, 'app'].map((name) => [name, ['no-cache --no-cache']])),
  },
  {
    name: '--no-cache-filter',
    flags: ['--no-cache-filter', 'builder'],
    expected: Object.fromEntries(everything.map((name) => [name, ['no-cache --no-cache-filter']])),
  },
  {
    name: 'the target',
    flags: ['--target', 'based'],
    change: ({rebase}) => rebase('one'),
    expected: {based: ['target --target']},
    says: /^ran: stage based was not built before: the target app -> based$/,
  },
  {
    name: 'the digest of the base image',
    flags: ['--target', 'based'],
    change: ({rebase}) => rebase('two'),
    expected: {based: ['base TAG']},
    says: /because base image \S+ [0-9a-f]{12} -> [0-9a-f]{12}$/,
  },
  {
    name: 'a named context',
    only: 'embedded',
    change({root}) {
      writeFileSync(join(root, '../other/file'), 'changed\n');
    },
    expected: {other: ['files files']},
    says: /^ran again: 1 of 1 file changed: file$/,
  },
  {
    name: 'SHELL',
    change: ({texts}) => void (texts.shell = '/bin/ash'),
    expected: {plain: ['shell SHELL']},
    says: /because SHELL \["\/bin\/sh","-c"\] -> \["\/bin\/ash","-c"\]$/,
  },
  {
    name: 'the order of steps',
    change: ({texts}) => void (texts.swapped = true),
    expected: {pair: ['order builder.13']},
    says: /the order of the steps changed: it came after "RUN echo left > \/left" and comes after "(?:COPY|RUN echo no)/,
  },
  {
    name: 'SOURCE_DATE_EPOCH',
    flags: ['--build-arg', 'SOURCE_DATE_EPOCH=1700000000'],
    // Debian's daemon does not know it.
    expected: (driver) =>
      driver === 'embedded' ? {root: ['setting SOURCE_DATE_EPOCH'], app: ['setting SOURCE_DATE_EPOCH']} : {},
  },
  {
    name: 'the platform',
    flags: ['--platform', 'linux/arm64'],
    expected: {plain: ['platform platform']},
    says: /because platform linux\/amd64 -> linux\/arm64$/,
  },
];

async function explained(t: ExecutionContext, driver: DriverName, daemon: TestDaemon | undefined): Promise<void> {
  const {cli, root, tag} = workshop(t, daemon, {
    '.dockerignore': '*.log\n**/*.log\n',
    'src/data.txt': 'data\n',
    '../other/file': 'other\n',
    '../token': 'hunter2',
  });
  mkdirSync(join(root, 'rootfs/bin'), {recursive: true});
  copyFileSync('/bin/busybox', join(root, 'rootfs/bin/busybox'));
  for (const name of ['sh', 'ash', 'echo', 'true']) symlinkSync('busybox', join(root, 'rootfs/bin', name));
  writeFileSync(join(root, 'salt'), tag);
  writeFileSync(join(root, 'src/app.py'), `1 ${tag}\n`);
  const texts: Texts = {
    ...{comment: 'first', command: 'echo first', document: 'one', owner: '0:0', cacheId: 'one', shell: '/bin/sh'},
    swapped: false,
  };
  const flags = new Map<string, readonly string[]>([
    ['secret', ['--secret', 'id=token,src=../token']],
    ['other', driver === 'embedded' ? ['--build-context', 'other=../other'] : []],
  ]);
  const common = ['--driver', driver, '--no-compose'];
  const succeeded = (run: CliRun): CliRun => (t.is(run.status, 0, run.stderr), run);
  const rebase = async (content: string): Promise<void> => {
    writeTree(root, {'../base/file': `${content} ${tag}`, '../base/Dockerfile': 'FROM scratch\nCOPY . /\n'});
    mkdirSync(join(root, '../base/bin'), {recursive: true});
    for (const name of ['sh', 'true']) copyFileSync('/bin/busybox', join(root, '../base/bin', name));
    succeeded(await cli(['build', ...common, '--no-artifacts', '-q', '-t', tag, '../base']));
  };
  const scene: Scene = {root, driver, salt: tag, texts, flags, rebase};
  const write = (): void => writeFileSync(join(root, 'Dockerfile'), dockerfile(texts, driver, tag));
  const planned = async (more: readonly string[]): Promise<PlanReport> =>
    JSON.parse(succeeded(await cli(['plan', ...common, ...more, '--json'])).stdout) as PlanReport;
  const build = async (more: readonly string[]): Promise<BuildRecord> => {
    succeeded(await cli(['build', ...common, '--no-artifacts', '-q', ...more]));
    const {stdout} = succeeded(await cli(['history', '--last', '1', '--json']));
    t.notRegex(stdout, /hunter/);
    const [record] = (JSON.parse(stdout) as {builds: BuildRecord[]}).builds;
    if (record === undefined) throw new Error('the build is not in the history');
    return record;
  };

  write();
  const first = await build([...flags.values()].flat());
  t.true(first.steps.every(({cached, causes}) => cached || causes.map(({kind}) => kind).join() === 'new'));
  for (const kind of kinds) {
    if (kind.only !== undefined && kind.only !== driver) continue;
    await kind.change?.(scene);
    write();
    const given = [...[...flags.values()].flat(), ...(kind.flags ?? [])];
    const before = await planned(given);
    const record = await build(given);
    const expected = typeof kind.expected === 'function' ? kind.expected(driver) : kind.expected;
    checkCauses(t, kind, expected, record, tag);
    checkPlan(t, kind, before, record);
  }
  const {stdout} = succeeded(await cli(['explain', 'builder']));
  t.regex(stdout, /ran again because platform linux\/amd64 -> linux\/arm64/);
  t.notRegex(readFileSync(join(root, 'Dockerfile'), 'utf8'), /hunter/);
}

/** Every step that ran is told with its causes and nothing else. */
function checkCauses(t: ExecutionContext, kind: Kind, expected: Expected, {steps}: BuildRecord, tag: string): void {
  const ran = steps.filter(({cached, instruction}) => !cached && instruction !== 'FROM');
  const told = (step: RecordedStep) => step.causes.map(({kind: of, name}) => `${of} ${name}`);
  const wanted = new Map(Object.entries(expected).map(([name, causes]) => [ids[name] ?? name, causes]));
  const follows = (step: RecordedStep) => (step.parent === null ? [] : [`step ${step.parent}`]);
  t.deepEqual(
    Object.fromEntries(ran.map((step) => [step.id, told(step)])),
    Object.fromEntries(
      [...new Set([...ran.map(({id}) => id), ...wanted.keys()])].map((id) => {
        const step = steps.find((one) => one.id === id);
        const causes = wanted.get(id)?.map((cause) => cause.replace('TAG', tag));
        return [id, causes ?? (step === undefined ? [] : follows(step))];
      }),
    ),
    `${kind.name}: causes`,
  );
  const [name] = Object.keys(expected);
  const step = steps.find(({id}) => id === ids[name ?? '']);
  if (kind.says !== undefined && step !== undefined) t.regex(reasonOf(step), kind.says, kind.name);
}

/** What was said before of each step came so, and what could not be known was said to be unknown. */
function checkPlan(t: ExecutionContext, kind: Kind, {stages}: PlanReport, {steps}: BuildRecord): void {
  const predicted = new Map(stages.flatMap(({steps: all}) => all.map((step) => [step.id, step])));
  const wrong = steps.filter(({id, cached, instruction}) => {
    const said = predicted.get(id)?.cached;
    return instruction !== 'FROM' && said !== 'unknown' && said !== cached;
  });
  t.deepEqual(
    wrong.map(({id, cached}) => ({id, cached, reason: predicted.get(id)?.reason})),
    [],
    `${kind.name}: plan`,
  );
}

test('with the embedded engine, explain names the true cause and nothing else, and plan knew it', async (t) => {
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  await explained(t, 'embedded', undefined);
});

test('with a daemon, explain names the true cause and nothing else, and plan knew it', async (t) => {
  const daemon = daemonOrSkip(t, 'debian');
  if (daemon !== undefined) await explained(t, 'docker', daemon);
});
