import {spawn, spawnSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {appendFileSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {type Command, type Contenders, prepareContenders, stopDaemon} from './build-contenders.js';
import {watchMemory} from './memory.js';
import {changedFile, makeContext, type Workload, workloads} from './build-workloads.js';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? '5');
/** MiB, of all our processes together. */
const mostMemory = 250;
type Name = 'ours' | 'docker' | 'bare' | 'node';

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function seconds([program = '', ...args]: Command): number {
  const started = performance.now();
  const {status, stderr} = spawnSync(program, args, {encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  return (performance.now() - started) / 1000;
}

/** In a run of its own: looking costs time. */
async function peakMemory([program = '', ...args]: Command): Promise<number> {
  const child = spawn(program, args, {stdio: 'ignore'});
  const memory = watchMemory(child.pid ?? 0);
  await once(child, 'exit');
  return memory.stop();
}

interface Measured {
  readonly times: Readonly<Record<Name, number>>;
  readonly megabytes: number;
}

async function measure(workload: Workload, context: string, commands: ReadonlyMap<Name, Command>): Promise<Measured> {
  const {before} = workload;
  // Never what it was in another run, which a store or a daemon may remember.
  const change = (): void => appendFileSync(join(context, changedFile(workload)), `${randomUUID()}\n`);
  if (before !== 'cold') {
    // Written more than two seconds before it is read, or nothing is remembered.
    await sleep(2500);
    for (const name of ['ours', 'docker'] as const) seconds(commands.get(name) ?? []);
  }
  const taken = new Map<Name, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of commands) {
      if (before === 'one' && name !== 'node') change();
      // What another has written goes to the disk at its own expense.
      spawnSync('sync');
      taken.set(name, [...(taken.get(name) ?? []), seconds(command)]);
    }
  }
  if (before === 'one') change();
  const megabytes = await peakMemory(commands.get('ours') ?? []);
  const of = (name: Name): number => median(taken.get(name) ?? []);
  return {times: {ours: of('ours'), docker: of('docker'), bare: of('bare'), node: of('node')}, megabytes};
}

const verdict = (holds: boolean): string => (holds ? 'held' : 'MISSED');

/** The row of a workload, and whether its bounds hold. */
function row(workload: Workload, {times, megabytes}: Measured): {readonly text: string; readonly held: boolean} {
  const {name, bound, overNode} = workload;
  const ratio = times.ours / times.docker;
  const over = (times.ours - times.node) * 1000;
  const verdicts = [
    ratio <= bound,
    ...(overNode === undefined ? [] : [over <= overNode]),
    ...(megabytes <= mostMemory ? [] : [false]),
  ];
  const figures = (['ours', 'docker', 'bare', 'node'] as const).map((who) =>
    (Number.isNaN(times[who]) ? '-' : times[who].toFixed(3)).padStart(8),
  );
  const beyond =
    overNode === undefined ? '' : `; ${over.toFixed(0)} ms over node, bound ${overNode}: ${verdict(over <= overNode)}`;
  const text =
    `${name.padEnd(38)}${figures.join('')}${ratio.toFixed(2).padStart(7)}${bound.toFixed(2).padStart(7)}  ` +
    `${verdict(ratio <= bound).padEnd(6)}${megabytes.toFixed(0).padStart(9)}${beyond}`;
  return {text, held: verdicts.every(Boolean)};
}

/** Never follows a mount that something killed has left: what is mounted below is unmounted, and what will not go stays. */
function removeTree(root: string): void {
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root}/`));
  // What was mounted last is on top.
  for (const path of mounted.reverse()) spawnSync('umount', [path]);
  spawnSync('rm', ['-rf', '--one-file-system', root]);
}

/**
 * Builds beside `docker build` (BuildKit) and the same commands in a bare chroot (the floor), in turn, on one network, both
 * with the base image. Prints medians of seconds, our ratio to docker against its bound, and our peak memory. Makes what it needs
 * below a temporary directory and removes it. BENCH_ROUNDS (5), BENCH_BASE (debian:bookworm), BENCH_ONLY (part of a workload's
 * name), BENCH_STORE (a store that has the base, used as it is).
 */
export async function run(): Promise<boolean> {
  const base = process.env['BENCH_BASE'] ?? 'debian:bookworm';
  const root = mkdtempSync(join(tmpdir(), 'build-image-bench-'));
  let contenders: Contenders | undefined;
  let held = true;
  const cleanUp = (): void => {
    contenders?.close();
    stopDaemon(root);
    removeTree(root);
  };
  // What runs is waited for: it is where a signal has arrived too.
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      cleanUp();
      process.exit(130);
    });
  }
  try {
    contenders = prepareContenders(root, base);
    console.log(`medians of ${rounds}; load ${readFileSync('/proc/loadavg', 'utf8').trim()}; Node ${process.version}`);
    console.log(
      `${'workload, seconds'.padEnd(38)}    ours  docker  chroot    node  ratio  bound  ratio   peak MiB (bound ${mostMemory})`,
    );
    for (const workload of workloads(base).filter(({name}) => name.includes(process.env['BENCH_ONLY'] ?? ''))) {
      const context = join(root, 'contexts', workload.name.replaceAll(/\W+/g, '-'));
      makeContext(context, workload);
      const bare = contenders.bare(workload, context);
      const commands = new Map<Name, Command>([
        ['ours', contenders.ours(workload, context)],
        ['docker', contenders.docker(workload, context)],
        ...(bare === undefined ? [] : [['bare', bare] as const]),
        ['node', [process.execPath, '-e', '0']],
      ]);
      const {text, held: holds} = row(workload, await measure(workload, context, commands));
      held &&= holds;
      console.log(text);
      rmSync(context, {recursive: true});
    }
    return held;
  } finally {
    cleanUp();
  }
}
