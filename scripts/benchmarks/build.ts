import {execFileSync, spawnSync} from 'node:child_process';
import {appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? '3');
const main = fileURLToPath(new URL('../../engine/cli/main.js', import.meta.url));
const base = process.env['BENCH_BASE'] ?? 'debian:bookworm';

interface Workload {
  readonly name: string;
  /** Our time over that of `docker build`, at most. */
  readonly bound: number;
  readonly dockerfile: string;
  readonly files: number;
  /** Bytes of each file. */
  readonly size: number;
  /** What comes before each run. `cold`: nothing is cached; `same`: everything is; `one`: one file was written. */
  readonly before: 'cold' | 'same' | 'one';
}

const package_ = `FROM ${base} AS build
WORKDIR /src
COPY . .
RUN mkdir -p p/DEBIAN p/usr && cat f* > p/usr/app && printf 'Package: app\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@a>\\nDescription: a\\n' > p/DEBIAN/control && dpkg-deb -b p /src/app_1_all.deb
FROM ${base}
COPY --from=build /src/app_1_all.deb /tmp/
RUN dpkg -i /tmp/app_1_all.deb
`;
const small = `FROM ${base}\n${Array.from({length: 20}, (_, index) => `RUN echo ${index} > /f${index}\n`).join('')}`;
const copy = `FROM ${base}\nCOPY . /data\n`;
const two = {dockerfile: package_, files: 1000, size: 2000} as const;
const many = {dockerfile: copy, files: 20_000, size: 10_240} as const;

const workloads: readonly Workload[] = [
  {name: 'two-stage .deb, nothing changed', bound: 0.35, before: 'same', ...two},
  {name: 'two-stage .deb, one file changed', bound: 0.65, before: 'one', ...two},
  {name: 'two-stage .deb, cold', bound: 0.65, before: 'cold', ...two},
  {name: '20 small RUN steps, cold', bound: 0.25, dockerfile: small, files: 1, size: 1, before: 'cold'},
  {name: 'COPY of 20,000 files, cold', bound: 0.5, before: 'cold', ...many},
  {name: 'COPY of 20,000 files, nothing changed', bound: 0.4, before: 'same', ...many},
  {name: 'COPY of 20,000 files, one changed', bound: 0.25, before: 'one', ...many},
];

interface Taken {
  readonly seconds: number;
  readonly megabytes: number;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Wall time, and the peak RSS of the largest process, by GNU time. */
function timed(command: readonly string[]): Taken {
  const started = performance.now();
  const {status, stderr} = spawnSync('/usr/bin/time', ['-f', 'RSS %M', ...command], {encoding: 'utf8'});
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
  return {seconds, megabytes: Number(/RSS (\d+)\s*$/.exec(stderr)?.[1] ?? 0) / 1024};
}

function makeContext(directory: string, {dockerfile, files, size}: Workload): void {
  mkdirSync(directory);
  for (let index = 0; index < files; index++) {
    const parent = files > 1000 ? join(directory, `d${index % 100}`) : directory;
    mkdirSync(parent, {recursive: true});
    writeFileSync(join(parent, `f${index}`), Buffer.alloc(size, `${index} `));
  }
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
}

/**
 * Builds beside `docker build` (the daemon of DOCKER_HOST, with BuildKit), in turn; both have the base image. Prints medians, their
 * ratio against the bound and our peak memory. BENCH_ROUNDS (3), BENCH_BASE (debian:bookworm), BENCH_STORE (a store that has it),
 * BENCH_ONLY (part of a workload's name).
 */
export async function run(): Promise<boolean> {
  const store = process.env['BENCH_STORE'];
  if (store === undefined) {
    console.error(
      `BENCH_STORE must name a store that has ${base}: build-image base ${base} --driver embedded --root DIR`,
    );
    return false;
  }
  const root = mkdtempSync(join(tmpdir(), 'build-image-bench-'));
  const ours = ['--driver', 'embedded', '--root', store, '--quiet', '-t', 'bench:ours', '--no-artifacts'];
  let held = true;
  try {
    console.log(`${rounds} rounds; load ${execFileSync('cat', ['/proc/loadavg'], {encoding: 'utf8'}).trim()}`);
    console.log('workload                                  ours s  docker s  node s  ratio  bound  peak RSS MiB');
    for (const workload of workloads.filter(({name}) => name.includes(process.env['BENCH_ONLY'] ?? ''))) {
      const context = join(root, workload.name.replaceAll(/\W+/g, '-'));
      makeContext(context, workload);
      const cold = workload.before === 'cold' ? ['--no-cache'] : [];
      const own = [process.execPath, main, 'build', context, ...ours, ...cold];
      const docker = ['docker', 'build', '--quiet', '--network=host', '-t', 'bench:docker', ...cold, context];
      if (workload.before !== 'cold') {
        // Written more than two seconds before it is read, or nothing is remembered.
        await new Promise((resolve) => setTimeout(resolve, 2500));
        for (const command of [own, docker]) timed(command);
      }
      const times: Record<'own' | 'docker' | 'node', Taken[]> = {own: [], docker: [], node: []};
      for (let round = 0; round < rounds; round++) {
        for (const [who, command] of [
          ['own', own],
          ['docker', docker],
          ['node', [process.execPath, '-e', '0']],
        ] as const) {
          if (workload.before === 'one' && who !== 'node') {
            appendFileSync(join(context, workload.files > 1000 ? 'd1/f1' : 'f1'), `${who} ${round}\n`);
          }
          times[who].push(timed(command));
        }
      }
      const [own_, docker_, node] = [times.own, times.docker, times.node].map((all) =>
        median(all.map((t) => t.seconds)),
      );
      const ratio = (own_ ?? 0) / (docker_ ?? 1);
      const within = ratio <= workload.bound;
      held &&= within;
      const figures = [own_, docker_, node].map((value) => (value ?? 0).toFixed(3).padStart(8)).join(' ');
      const peak = Math.max(...times.own.map(({megabytes}) => megabytes));
      console.log(
        `${workload.name.padEnd(40)} ${figures}  ${ratio.toFixed(2).padStart(5)}  ${workload.bound.toFixed(2)} ${within ? 'held  ' : 'MISSED'} ${peak.toFixed(0).padStart(5)}`,
      );
      rmSync(context, {recursive: true});
    }
    return held;
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}
