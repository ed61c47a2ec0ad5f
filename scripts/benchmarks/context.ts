import {execFileSync} from 'node:child_process';
import {closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const rounds = 7;
const child = fileURLToPath(new URL('context-child.js', import.meta.url));

interface Round {
  /** Of the stream alone, in a process whose modules are loaded. */
  readonly seconds: number;
  readonly processor: number;
  readonly amount: number;
  readonly megabytes: number;
}

/** `whole`: seconds from the start of the process to its end. */
function own(...args: readonly string[]): Round & {readonly whole: number} {
  const started = performance.now();
  const round = JSON.parse(execFileSync(process.execPath, [child, ...args], {encoding: 'utf8'})) as Round;
  return {...round, whole: (performance.now() - started) / 1000};
}

/** Seconds of GNU tar into a pipe whose reader only reads; it looks at `/dev/null` and would not read a file for it. */
function gnuTar(directory: string): number {
  const started = performance.now();
  execFileSync('sh', ['-c', 'tar -C "$1" --numeric-owner -cf - . | cat >/dev/null', 'sh', directory]);
  return (performance.now() - started) / 1000;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function makeFiles(directory: string, directories: number, each: number, bytes: (index: number) => number): void {
  for (let d = 0; d < directories; d++) {
    mkdirSync(join(directory, `d${d}`), {recursive: true});
    for (let i = 0; i < each; i++) writeFileSync(join(directory, `d${d}`, `f${i}.txt`), Buffer.alloc(bytes(i), d));
  }
}

function makeLarge(directory: string, gibibytes: number): void {
  mkdirSync(directory);
  const file = openSync(join(directory, 'large'), 'w');
  const block = Buffer.alloc(16 * 1024 * 1024, 'build context ');
  for (let i = 0; i < gibibytes * 64; i++) writeSync(file, block);
  closeSync(file);
}

/** Streaming against GNU tar (bound: half its rate), peak memory on 2 GiB (bound: 150 MB), digests of 100,000 files again. */
export async function run(): Promise<boolean> {
  await Promise.resolve();
  const root = mkdtempSync(join(tmpdir(), 'build-image-bench-'));
  let held = true;
  const bound = (holds: boolean): string => {
    held &&= holds;
    return holds ? 'holds' : 'FAILS';
  };
  try {
    const many = join(root, 'many');
    makeFiles(many, 200, 100, (index) => (index * 97) % 8192);
    const large = join(root, 'large');
    makeLarge(large, 1);
    console.log(
      'case                stream s  processor s  whole process s  GNU tar s  rate of GNU tar  whole  peak RSS MiB  bound',
    );
    for (const [name, directory] of [
      ['20,000 files', many],
      ['one file of 1 GiB', large],
    ] as const) {
      const ours: ReturnType<typeof own>[] = [];
      const theirs: number[] = [];
      own('tar', directory);
      gnuTar(directory);
      for (let round = 0; round < rounds; round++) {
        ours.push(own('tar', directory));
        theirs.push(gnuTar(directory));
      }
      const [stream, whole, gnu] = [
        median(ours.map((one) => one.seconds)),
        median(ours.map((one) => one.whole)),
        median(theirs),
      ];
      const cells = [
        name.padEnd(18),
        stream.toFixed(3).padStart(9),
        median(ours.map((one) => one.processor))
          .toFixed(3)
          .padStart(12),
        whole.toFixed(3).padStart(16),
        gnu.toFixed(3).padStart(10),
        (gnu / stream).toFixed(2).padStart(16),
        (gnu / whole).toFixed(2).padStart(6),
        Math.max(...ours.map((one) => one.megabytes))
          .toFixed(0)
          .padStart(13),
      ];
      console.log(`${cells.join(' ')}  ${bound(gnu / stream >= 0.5)} (>= 0.5)`);
    }
    rmSync(large, {recursive: true});
    const huge = join(root, 'huge');
    mkdirSync(huge);
    const sparse = openSync(join(huge, 'sparse'), 'w');
    ftruncateSync(sparse, 2 * 1024 ** 3);
    closeSync(sparse);
    const whole = own('tar', huge);
    console.log(
      `2 GiB context: peak RSS ${whole.megabytes.toFixed(0)} MiB in ${whole.seconds.toFixed(2)} s   ${bound(whole.megabytes < 150)} (< 150)`,
    );
    const hundred = join(root, 'hundred');
    makeFiles(hundred, 100, 1000, () => 1024);
    const cache = join(root, 'cache');
    // Written more than two seconds before it is read, or nothing is remembered.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const first = own('digests', hundred, cache);
    const again = Array.from({length: rounds}, () => own('digests', hundred, cache).seconds);
    console.log(
      `digests of 100,000 files: first ${first.seconds.toFixed(2)} s, again ${median(again).toFixed(2)} s (aim 0.4)`,
    );
    return held;
  } finally {
    rmSync(root, {recursive: true, force: true});
  }
}
