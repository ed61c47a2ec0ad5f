import {execFileSync, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {lstatSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ExecutionContext} from 'ava';
import {namesIn, runCli, type Answer, type CliRun} from '../helpers/cli.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {unmount} from '../helpers/unmount.js';
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

/** Who is killed, in turn: the command, what holds the namespaces, the executor, the runtime, what RUN started. */
const victims = ['front', 'unshare', 'executor', 'runtime', 'step'] as const;
type Victim = (typeof victims)[number];

/** The processes below one, and it. */
function descendants(pid: number): readonly number[] {
  const children = namesIn(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      return readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
    } catch {
      return [];
    }
  });
  return [pid, ...children.flatMap(descendants)];
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Undefined where there is none at this moment. */
function findVictim(front: number, victim: Victim): number | undefined {
  const all = descendants(front);
  const below = all.slice(all.findIndex((pid) => commandOf(pid) === 'unshare') + 1);
  switch (victim) {
    case 'front':
      return front;
    case 'unshare':
      return all.find((pid) => commandOf(pid) === 'unshare');
    case 'executor':
      return all.includes(below[0] ?? -1) && below[0] !== front ? below[0] : undefined;
    case 'runtime':
      return all.find((pid) => commandOf(pid) === 'crun' || commandOf(pid) === 'runc');
    case 'step':
      return all.find((pid) => ['sh', 'sleep', 'touch', 'rm', 'busybox'].includes(commandOf(pid)));
    default:
      throw new Error(`unreachable: ${String(victim satisfies never)}`);
  }
}

/**
 * Starts a build and kills one of its processes, so many milliseconds later, or the one that was started where it has no such
 * process then. The victim, or undefined where the build had ended.
 */
async function killed(
  t: ExecutionContext,
  place: Yard,
  milliseconds: number,
  wanted: Victim,
): Promise<Victim | undefined> {
  const {store, context, mark} = place;
  const args = ['dist/engine/cli/main.js', '--root', store, ...buildArgs, '--no-cache', '-t', 'crash:1', context];
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'ignore', 'pipe'], env: {...process.env, MARK: mark}});
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<{code: number | null; name: NodeJS.Signals | null}>((resolve) =>
    child.on('close', (code, name) => resolve({code, name})),
  );
  let victim: Victim | undefined;
  let struck = 0;
  const strike = (): void => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const found = findVictim(child.pid, wanted);
    victim = found === undefined ? 'front' : wanted;
    try {
      process.kill(found ?? child.pid, 'SIGKILL');
      struck = performance.now();
    } catch {
      victim = undefined;
    }
  };
  const timer = setTimeout(strike, milliseconds);
  const {code, name} = await ended;
  clearTimeout(timer);
  if (victim === 'front' && name !== 'SIGKILL') return undefined;
  // A process that had done its work already is not missed.
  if (victim === undefined || code === 0) return undefined;
  if (victim === 'front') return victim;
  t.true(performance.now() - struck < 5000, `${victim}: ended ${performance.now() - struck} ms after the kill`);
  t.is(code, victim === 'step' || victim === 'runtime' ? 1 : 3, `${victim}: ${said}`);
  t.is(said.match(/^build-image: |^\S+:\d+: /gm)?.length, 1, `${victim}: ${said}`);
  t.notRegex(said, /internal error|at .*\.js:\d/);
  return victim;
}

asRoot(`${kills} builds that are killed leave nothing, and the next build makes the same image`, async (t) => {
  t.timeout(kills * 20_000 + 60_000);
  const place = await yard(t, dockerfile);
  const first = await place.build(['-t', 'crash:1']);
  t.is(first.status, 0, first.stderr);
  const {configDigest} = answer(first);
  t.truthy(configDigest);
  const died = new Map<Victim, number>();
  // A build that ended before its kill shows that they come too late: machines are busy, and the first one unpacks bases.
  let within = first.seconds * 1000;
  for (let index = 0; index < kills; index++) {
    if (index % 10 === 9) {
      const pruned = await runCli(['prune', '--all', '--root', place.store]);
      t.is(pruned.status, 0, pruned.stderr);
    }
    const victim = await killed(t, place, Math.random() * within, victims[index % victims.length] ?? 'front');
    if (victim === undefined) within *= 0.9;
    else died.set(victim, (died.get(victim) ?? 0) + 1);
    await nothingLeft(t, place);
    const next = await place.build(index % 3 === 0 ? ['--no-cache', '-t', 'crash:1'] : ['-t', 'crash:1']);
    t.is(next.status, 0, next.stderr);
    t.is(answer(next).configDigest, configDigest, `after kill ${index} (${victim ?? 'none'})`);
  }
  const hit = [...died.values()].reduce((sum, number) => sum + number, 0);
  t.true(hit > kills / 3, `${hit} were killed`);
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
  assertNoStrayBlob(t, place.store);
  t.log(`${hit} of ${kills} killed: ${[...died].map(([victim, number]) => `${victim} ${number}`).join(', ')}`);
});

/** Every blob that is left has somebody who names it. */
function assertNoStrayBlob(t: ExecutionContext, store: string): void {
  const blobs = join(store, 'blobs/sha256');
  const texts = ['tags', 'layers', 'contents', 'history', 'bases', 'steps', 'records', 'snapshots'].flatMap((room) =>
    filesBelow(join(store, room), 2).map((path) => readFileSync(path, 'latin1')),
  );
  const small = namesIn(blobs)
    .filter((name) => statSync(join(blobs, name)).size < 1 << 20)
    .map((name) => readFileSync(join(blobs, name), 'latin1'));
  const named = [...texts, ...small].join('\n');
  t.deepEqual(
    namesIn(blobs).filter((name) => !named.includes(name)),
    [],
  );
}

function filesBelow(directory: string, depth: number): readonly string[] {
  return namesIn(directory).flatMap((name) => {
    const path = join(directory, name);
    const stats = lstatSync(path);
    if (stats.isFile() && stats.size < 1 << 24) return [path];
    return stats.isDirectory() && depth > 0 && name !== 'fs' ? filesBelow(path, depth - 1) : [];
  });
}

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
    writeFileSync(join(place.context, 'Small'), 'FROM conformance-base\nRUN echo x > /x\n');
    const fits = await on(['-t', 'fits:1', '-f', 'Small']);
    t.is(fits.status, 0, fits.stderr);
  } finally {
    await unmount(small);
  }
});

for (const [where, size, destination] of [
  ['a COPY', 1, 'small/out.tar'],
  ['a layer that is written', 5, 'small/out.tar'],
  ['the output', 14, 'small/out.tar'],
] as const) {
  asRoot(`a disk that is full at ${where} is one clear error with status 3, and prune makes room`, async (t) => {
    t.timeout(120_000);
    const work = temporaryDirectory(t);
    const small = join(work, 'small');
    mkdirSync(small);
    // It is there in the snapshot, in the blob of the layer, and in each output.
    const content = randomBytes(4 << 20);
    writeFileSync(join(work, 'noise'), content);
    writeFileSync(join(work, 'Dockerfile'), 'FROM scratch\nCOPY noise /\n');
    writeFileSync(join(work, 'Small'), 'FROM scratch\nCOPY Small /\n');
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}m`, 'tmpfs', small]);
    try {
      const on = (args: readonly string[]) =>
        runCli(['--root', join(small, 'store'), ...buildArgs, ...args], {cwd: work});
      const outputs = ['-o', 'type=image', '-o', `type=oci,dest=${join(work, destination)}`];
      const full = await on([...(size > 8 ? ['-o', `type=tar,dest=${join(small, 'more.tar')}`] : []), ...outputs]);
      t.is(full.status, 3, full.stderr);
      t.is(full.stderr.match(/^build-image: /gm)?.length, 1, full.stderr);
      t.regex(full.stderr, /no space/i);
      t.regex(full.stderr, /prune|Free some space/);
      t.notRegex(full.stderr, /internal error|at .*\.js:\d/);
      // An output that was written whole before stays.
      t.deepEqual(
        namesIn(small).filter((name) => name !== 'more.tar'),
        ['store'],
        'no half-written output',
      );
      const pruned = await runCli(['prune', '--all', '--root', join(small, 'store')]);
      t.is(pruned.status, 0, pruned.stderr);
      const fits = await on(['-f', 'Small']);
      t.is(fits.status, 0, fits.stderr);
    } finally {
      await unmount(small);
    }
  });
}

for (const [what, root] of [
  ['below /proc, where nothing can be made', '/proc/build-image'],
  ['below /sys', '/sys/build-image/store'],
  ['below a file', '/etc/passwd/store'],
] as const) {
  asRoot(`a store ${what} is one clear error with what to do`, async (t) => {
    const work = temporaryDirectory(t);
    writeFileSync(join(work, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n');
    const run = await runCli(['--root', root, ...buildArgs], {cwd: work});
    t.is(run.status, 3, run.stderr);
    t.is(run.stderr.match(/^build-image: /gm)?.length, 1, run.stderr);
    t.regex(run.stderr, /--root/);
    t.notRegex(run.stderr, /internal error|at .*\.js:\d/);
  });
}

asRoot('a runtime that is killed takes its step with it at once', async (t) => {
  t.timeout(120_000);
  const place = await yard(t, 'FROM conformance-base\nRUN echo started; sleep 60\n');
  let struck = 0;
  const run = await runCli(['--root', place.store, ...buildArgs], {
    cwd: place.context,
    env: {MARK: place.mark},
    onProgress(text, pid) {
      const runtime = struck === 0 && text.includes(' started\n') ? findVictim(pid, 'runtime') : undefined;
      if (runtime === undefined) return;
      struck = performance.now();
      process.kill(runtime, 'SIGKILL');
    },
  });
  t.true(struck > 0 && performance.now() - struck < 5000, `${performance.now() - struck} ms`);
  t.is(run.status, 1, run.stderr);
  await nothingLeft(t, place);
});

asRoot('SIGINT ends a build within a second with status 130, and leaves nothing', async (t) => {
  const place = await yard(t, 'FROM conformance-base\nRUN echo started; trap "" INT TERM; sleep 60\n');
  const options = {cwd: place.context, env: {MARK: place.mark}, signalOn: ' started\n'};
  // Other tests may take the processors for a moment, but not every time.
  for (let attempt = 0, seconds = Infinity; seconds >= 1; attempt++) {
    const run = await runCli(['--root', place.store, ...buildArgs, '-t', 'int:1'], options);
    t.is(run.status, 130, run.stderr);
    seconds = run.secondsAfterSignal;
    if (attempt === 2) t.true(seconds < 1, `${seconds} s`);
  }
  await nothingLeft(t, place);
});
