import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ExecutionContext} from 'ava';
import {namesIn, runCli, type Answer, type CliRun} from '../helpers/cli.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {importBases} from './conformance/bases.js';

/** Kills of one run; 200 is what a long run should do. */
const kills = Number(process.env['CRASH_KILLS'] ?? 20);
const steps = 8;

interface Yard {
  readonly store: string;
  readonly context: string;
  /** In the environment of everything that a build of this test starts. */
  readonly mark: string;
  readonly build: (args?: readonly string[], cwd?: string) => Promise<CliRun>;
}

async function yard(t: ExecutionContext, dockerfile: string): Promise<Yard> {
  const work = temporaryDirectory(t);
  const [store, context, bases] = ['store', 'context', 'bases'].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [context, bases]) mkdirSync(directory);
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  for (let index = 0; index < 200; index++) writeFileSync(join(context, `file-${index}`), `${index}\n`.repeat(500));
  await importBases(store, bases);
  const mark = `crash-${work.slice(-6)}`;
  return {
    store,
    context,
    mark,
    build: (args = [], cwd = context) => runCli(['--root', store, ...buildArgs, ...args], {cwd, env: {MARK: mark}}),
  };
}

const buildArgs = [
  '--driver',
  'embedded',
  '--network',
  'host',
  '--progress',
  'plain',
  '--no-compose',
  '--no-artifacts',
  '--json',
  '--build-arg',
  'SOURCE_DATE_EPOCH=1600000000',
];

/** Whatever a step writes has a fixed time. */
const dated = (text: string, path: string): string =>
  `RUN echo ${text} > ${path} && sleep 0.03 && touch -d '2020-01-01 00:00:00' ${path}\n`;

const dockerfile = [
  'FROM conformance-base AS one\nARG SOURCE_DATE_EPOCH\n',
  ...Array.from({length: steps}, (_, index) => dated(`one ${index}`, `/one-${index}`)),
  'FROM conformance-base\nCOPY file-* /\n',
  ...Array.from({length: steps}, (_, index) => dated(`two ${index}`, `/two-${index}`)),
  'COPY --from=one /one-1 /one-2 /\nRUN rm -r /srv/data && touch -d "2020-01-01 00:00:00" /srv\n',
].join('');

const answer = (run: CliRun): Answer => JSON.parse(run.stdout) as Answer;

/** Mounts of this machine below a directory. */
function mountsBelow(directory: string): readonly string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(directory));
}

/** Processes that have a text in their command line, environment or mounts. */
function processesOf(text: string): readonly string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    return ['cmdline', 'environ', 'mountinfo'].some((file) => {
      try {
        return readFileSync(`/proc/${name}/${file}`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
  });
}

/** Waits until nothing of a test is left, at most two seconds. */
async function nothingLeft(t: ExecutionContext, {store, mark}: Yard): Promise<void> {
  const left = () => [...mountsBelow(store), ...processesOf(mark), ...processesOf(store)];
  for (let waited = 0; waited < 2000 && left().length > 0; waited += 20) await sleep(20);
  t.deepEqual(left(), []);
}

/** Starts a build and kills the process that was started, so many milliseconds later. False: it had ended. */
async function killed({store, context, mark}: Yard, milliseconds: number): Promise<boolean> {
  const args = ['dist/engine/cli/main.js', '--root', store, ...buildArgs, '--no-cache', '-t', 'crash:1', context];
  const child = spawn(process.execPath, args, {stdio: 'ignore', env: {...process.env, MARK: mark}});
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_, signal) => resolve(signal)));
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
  const signal = await ended;
  clearTimeout(timer);
  return signal === 'SIGKILL';
}

asRoot(`${kills} builds that are killed leave nothing, and the next build makes the same image`, async (t) => {
  t.timeout(kills * 20_000 + 60_000);
  const place = await yard(t, dockerfile);
  const first = await place.build(['-t', 'crash:1']);
  t.is(first.status, 0, first.stderr);
  const {configDigest} = answer(first);
  t.truthy(configDigest);
  let died = 0;
  // A build that ended before its kill shows that they come too late: machines are busy, and the first one unpacks bases.
  let within = first.seconds * 1000;
  for (let index = 0; index < kills; index++) {
    if (index % 10 === 9) {
      const pruned = await runCli(['prune', '--all', '--root', place.store]);
      t.is(pruned.status, 0, pruned.stderr);
    }
    if (await killed(place, Math.random() * within)) died++;
    else within *= 0.8;
    await nothingLeft(t, place);
    const next = await place.build(index % 3 === 0 ? ['--no-cache', '-t', 'crash:1'] : ['-t', 'crash:1']);
    t.is(next.status, 0, next.stderr);
    t.is(answer(next).configDigest, configDigest, `after kill ${index}`);
  }
  t.true(died > kills / 3, `${died} were killed`);
  await nothingLeft(t, place);
  const prune = async () => {
    const run = await runCli(['prune', '--all', '--root', place.store, '--json']);
    t.is(run.status, 0, run.stderr);
    return JSON.parse(run.stdout) as {removed: Record<string, number>; left: number; halfMade: number};
  };
  t.is((await prune()).left, 0);
  const again = await prune();
  t.deepEqual(
    {removed: Object.values(again.removed).filter((number) => number > 0), halfMade: again.halfMade},
    {removed: [], halfMade: 0},
  );
  t.deepEqual(namesIn(join(place.store, 'trash')), []);
  t.log(`${died} of ${kills} killed`);
});

asRoot('ten builds at once on one store: all are right, and a step that they share is made once', async (t) => {
  t.timeout(240_000);
  const shared = `FROM conformance-base\nARG SOURCE_DATE_EPOCH\nRUN --mount=type=cache,target=/count,id=count echo x >> /count/shared; cp /count/shared /times; touch -d '2020-01-01 00:00:00' /times; sleep 0.2\n`;
  const place = await yard(t, shared);
  const runs = await Promise.all(
    Array.from({length: 10}, async (_, index) => {
      const number = index < 5 ? 0 : index;
      const file = join(place.context, `Dockerfile.${index}`);
      writeFileSync(file, `${shared}RUN echo ${number} > /own && touch -d '2020-01-01 00:00:00' /own\n`);
      return place.build(['-f', file, '-t', `at-once:${index}`]);
    }),
  );
  for (const run of runs) t.is(run.status, 0, run.stderr);
  const digests = runs.map((run) => answer(run).configDigest);
  t.is(new Set(digests.slice(0, 5)).size, 1);
  t.is(new Set(digests).size, 6);
  const check = join(place.context, 'Dockerfile.check');
  writeFileSync(check, `${shared}RUN test "$(cat /times)" = x && test "$(wc -l < /times)" = 1\n`);
  const checked = await place.build(['-f', check]);
  t.is(checked.status, 0, checked.stderr);
  const ran = runs.reduce((sum, run) => sum + answer(run).steps.ran, 0);
  t.is(ran, 1 + 6, 'the shared step once, and six own ones');
  await nothingLeft(t, place);
});

asRoot('a full disk is one clear error, and the store is good afterwards', async (t) => {
  t.timeout(120_000);
  const place = await yard(t, 'FROM conformance-base\nRUN dd if=/dev/zero of=/large bs=1M count=64 && sync\n');
  const small = join(place.context, '..', 'small');
  mkdirSync(small);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', small]);
  try {
    const bases = join(place.context, '..', 'more-bases');
    mkdirSync(bases);
    await importBases(join(small, 'store'), bases);
    const on = (args: readonly string[]) =>
      runCli(['--root', join(small, 'store'), ...buildArgs, ...args], {cwd: place.context, env: {MARK: place.mark}});
    const full = await on(['-t', 'full:1']);
    t.not(full.status, 0);
    t.regex(full.stderr, /no space|disk .*full|space left/i);
    t.is(full.stderr.match(/^build-image: /gm)?.length, 1, full.stderr);
    t.regex(full.stderr, /prune/);
    t.notRegex(full.stderr, /internal error|at .*\.js:\d/);
    writeFileSync(join(place.context, 'Copy'), 'FROM conformance-base\nCOPY big /big\n');
    writeFileSync(join(place.context, 'big'), Buffer.alloc(32 << 20, 1));
    const copied = await on(['-t', 'full:2', '-f', 'Copy']);
    t.not(copied.status, 0);
    t.regex(copied.stderr, /no space|disk .*full|space left/i);
    rmSync(join(place.context, 'big'));
    writeFileSync(join(place.context, 'Small'), 'FROM conformance-base\nRUN echo x > /x\n');
    const fits = await on(['-t', 'fits:1', '-f', 'Small']);
    t.is(fits.status, 0, fits.stderr);
  } finally {
    execFileSync('umount', [small]);
  }
});

asRoot('SIGINT ends a build within a second with status 130, and leaves nothing', async (t) => {
  t.timeout(120_000);
  const place = await yard(t, 'FROM conformance-base\nRUN echo started; trap "" INT TERM; sleep 60\n');
  const run = await runCli(['--root', place.store, ...buildArgs, '-t', 'int:1'], {
    cwd: place.context,
    env: {MARK: place.mark},
    signalOn: ' started\n',
  });
  t.is(run.status, 130, run.stderr);
  t.true(run.secondsAfterSignal < 1, `${run.secondsAfterSignal} s`);
  await nothingLeft(t, place);
});
