import {randomBytes} from 'node:crypto';
import {existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {syscalls} from '../../../engine/base/syscalls.js';
import {type CliOptions, type CliRun, runCli} from '../../helpers/cli.js';
import {available} from '../../helpers/requirement.js';
import {missingForRoot} from '../../helpers/step-executor.js';
import {importBases} from '../conformance/bases.js';
import type {Tree} from '../conformance/case.js';
import {makeTree} from '../conformance/tree.js';

/** Where attacks are run: beside the builds a piece of the host that none of them may read or change. */
export interface Range {
  /** The piece of the host: files with a secret, a directory, a link, and one that anybody may write. */
  readonly host: string;
  /** What is in its files, and must not be in any output. */
  readonly secret: string;
  readonly context: string;
  readonly store: string;
  /** Beside the context, for what a case needs. */
  readonly beside: string;
  /** Where the file system of what was built is written, as a tar. */
  readonly output: string;
  readonly build: (args?: readonly string[], options?: CliOptions) => Promise<CliRun>;
}

export interface Attack {
  readonly dockerfile: string;
  readonly context?: Tree;
  readonly beside?: Tree;
  readonly args?: readonly string[];
  readonly options?: CliOptions;
  /** `contained`: the build does what it is told, inside; `refused`: it ends with one clear error; or either. */
  readonly ends: 'contained' | 'refused' | 'either';
  /** In what the build says. */
  readonly says?: RegExp;
  readonly notSays?: RegExp;
  /** Runs beside the build, until the signal. */
  readonly meanwhile?: (range: Range, signal: AbortSignal) => Promise<void>;
  readonly after?: (range: Range, run: CliRun, t: ExecutionContext) => void | Promise<void>;
}

interface Ground {
  readonly base: string;
  readonly store: string;
}

let ground: Promise<Ground> | undefined;

/** One store for all attacks of a file: what one of them leaves in it, the next meets. */
async function prepare(): Promise<Ground> {
  const base = mkdtempSync(join(tmpdir(), 'build-image-breakouts-'));
  const [store, bases] = [join(base, 'store'), join(base, 'bases')];
  mkdirSync(bases);
  await importBases(store, bases);
  return {base, store};
}

test.after.always(async () => {
  if (ground !== undefined) rmSync((await ground).base, {recursive: true, force: true});
});

const flags = ['--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain', '--network', 'none'];

/** An attack by whole builds: `make` gets where it is, and says what is built. The host must be untouched afterwards. */
export function attack(title: string, make: (range: Range) => Attack | Promise<Attack>): void {
  test.serial(`attack: ${title}`, async (t) => {
    if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
    t.timeout(120_000);
    const {base, store} = await (ground ??= prepare());
    const place = mkdtempSync(join(base, 'case-'));
    const secret = randomBytes(16).toString('hex');
    const [host, context, beside, output] = ['host', 'context', 'beside', 'out.tar'].map((name) =>
      join(place, name),
    ) as [string, string, string, string];
    for (const directory of [host, context, beside]) mkdirSync(directory);
    const mark = `breakout-${secret.slice(0, 8)}`;
    const build = (args: readonly string[] = [], options: CliOptions = {}) =>
      runCli(['--root', store, ...flags, ...args], {cwd: context, ...options, env: {MARK: mark, ...options.env}});
    makeTree(host, {
      secret: {content: `${secret}\n`, mode: 0o600},
      open: {content: `${secret}\n`, mode: 0o666, xattrs: {'user.mark': 'kept'}},
      'dir/inner': `${secret}\n`,
      dir: {directory: true, mode: 0o777},
      link: {link: 'secret'},
    });
    const before = [...facts(host), ...machine()];
    const range: Range = {host, secret, context, store, beside, output, build};
    const {dockerfile, ...spec} = await make(range);
    makeTree(context, {Dockerfile: dockerfile, ...spec.context});
    makeTree(beside, spec.beside ?? {});
    const stop = new AbortController();
    const other = spec.meanwhile?.(range, stop.signal);
    const run = await build(['-o', `type=tar,dest=${output}`, ...(spec.args ?? [])], spec.options);
    stop.abort();
    await other;
    t.deepEqual([...facts(host), ...machine()], before, 'the host is as it was');
    t.deepEqual(leftovers(place, store, mark), [], 'no mount and no process is left');
    for (const text of [run.stdout, run.stderr]) t.false(text.includes(secret), 'nothing of the host is told');
    if (existsSync(output)) t.false(readFileSync(output).includes(secret), 'nothing of the host is in the image');
    t.notRegex(run.stderr, /internal error|^\s+at .*\.js:\d/m);
    if (spec.ends === 'contained') t.is(run.status, 0, run.stderr);
    if (spec.ends === 'refused') t.true([1, 2, 3].includes(run.status ?? -1), `${run.status}: ${run.stderr}`);
    if (run.status !== 0) t.is(run.stderr.match(/^build-image: /gm)?.length, 1, run.stderr);
    if (spec.says !== undefined) t.regex(run.stderr, spec.says);
    if (spec.notSays !== undefined) t.notRegex(run.stderr, spec.notSays);
    await spec.after?.(range, run, t);
    t.deepEqual([...facts(host), ...machine()], before, 'the host is as it was');
    rmSync(place, {recursive: true, force: true});
  });
}

/** Everything that can be seen of a tree from outside; a change time moves with any of it. */
function facts(path: string): readonly string[] {
  const stats = lstatSync(path, {bigint: true});
  const content = stats.isFile() ? readFileSync(path, 'utf8') : stats.isSymbolicLink() ? readlinkSync(path) : '';
  const {mode, uid, gid, nlink, size, mtimeNs, ctimeNs} = stats;
  const xattrs = syscalls().listXattrs(path).join();
  const own = [path, mode, uid, gid, nlink, size, mtimeNs, ctimeNs, content, xattrs].join(' ');
  return stats.isDirectory()
    ? [
        own,
        ...readdirSync(path)
          .sort()
          .flatMap((name) => facts(join(path, name))),
      ]
    : [own];
}

/** Of the whole machine, and changed by nobody else. */
const machine = (): readonly string[] =>
  ['core_pattern', 'hostname', 'panic', 'randomize_va_space'].map(
    (name) => `${name} ${readFileSync(`/proc/sys/kernel/${name}`, 'utf8')}`,
  );

function leftovers(place: string, store: string, mark: string): readonly string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const processes = readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return false;
    try {
      return readFileSync(`/proc/${name}/environ`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
  return [...mounts.filter((line) => line.includes(place) || line.includes(store)), ...processes];
}
