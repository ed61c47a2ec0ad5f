import {readdirSync, renameSync, statSync, unlinkSync, writeFileSync} from 'node:fs';
import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import {randomName} from './files.js';
import {makeRoom} from './rooms.js';
import {readBounded} from '../base/read-bounded.js';
import {type BuildRecord, type NewBuildRecord, type Project, projectKey} from './build-record.js';
import {formatRecord, isOldRecord, parseRecord} from './build-record-file.js';

const mostPerProject = 200;
const mostBytes = 4 * 1024 * 1024;
const mostSamples = 5;
const staleMs = 60 * 60 * 1000;
const readAtOnce = 16;
/** Clocks are set back by as much without being wrong. */
const toleranceMs = 60 * 1000;

/** `<time>-<project>-<random>.json`: sorts by time and tells the project without being opened. */
const fileName = /^(\d{8}T\d{9}Z)-([0-9a-f]{10})-([0-9a-f]{8})\.json$/;

export type Recorded =
  | {readonly written: true; readonly id: string}
  /** Why not, in one line for a person: history is a convenience, a build does not fail for it. */
  | {readonly written: false; readonly note: string};

export interface History {
  /** Newest first. */
  readonly records: readonly BuildRecord[];
  /** Files that hold no record. */
  readonly unreadable: readonly string[];
}

/**
 * Adds a build to `<root>/history/` and removes what is older than the project's last 200. Two at once do not disturb
 * each other. It must hold no secret. Throws only the signal's reason. Synchronous: a build of which nothing has changed loads no promises for it.
 */
export function recordBuild(
  root: string,
  build: NewBuildRecord,
  now: Date,
  signal: AbortSignal,
  project = projectKey(build),
): Recorded {
  signal.throwIfAborted();
  const directory = join(root, 'history');
  const time = now.toISOString();
  const id = `${stampOf(now)}-${project}-${randomName()}`;
  const beside = join(directory, `.${id}.tmp`);
  try {
    makeRoom(root, 'history');
    // No fsync: after a power failure an empty file is passed over, and a cached build is not kept waiting.
    writeFileSync(beside, formatRecord({id, time, ...build}), {flag: 'wx'});
    renameSync(beside, join(directory, `${id}.json`));
    prune(directory, project, now);
    return {written: true, id};
  } catch (error) {
    quietly(() => unlinkSync(beside));
    signal.throwIfAborted();
    return {written: false, note: `this build is not in the history: ${messageOf(error)}`};
  }
}

function prune(directory: string, project: string, now: Date): void {
  const names = readdirSync(directory);
  const own = inOrder(
    names.filter((name) => fileName.exec(name)?.[2] === project),
    now,
  );
  const old = own.slice(0, Math.max(0, own.length - mostPerProject)).map((name) => join(directory, name));
  for (const name of names.filter((name) => name.endsWith('.tmp'))) {
    // What a killed run left behind; a running one is younger.
    const path = join(directory, name);
    const found = quietly(() => statSync(path));
    if (found !== undefined && now.getTime() - found.mtimeMs > staleMs) old.push(path);
  }
  for (const path of old) quietly(() => unlinkSync(path));
}

/** The oldest first. A time that is still to come was given by a clock that was wrong: whatever came after it is newer. */
function inOrder(names: readonly string[], now: Date): readonly string[] {
  const latest = stampOf(new Date(now.getTime() + toleranceMs));
  const isToCome = (name: string) => name.slice(0, latest.length) > latest;
  return names.toSorted((a, b) => Number(isToCome(b)) - Number(isToCome(a)) || (a < b ? -1 : 1));
}

const stampOf = (time: Date): string => time.toISOString().replaceAll(/[-:.]/g, '');

/** What another run has done meanwhile is no error. */
function quietly<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/**
 * Past builds, newest first: of one project, or of all. A file that is no record is told, not thrown. Rejects with IO
 * where the directory cannot be read; an absent one is an empty history.
 */
export async function readHistory(
  root: string,
  options: {readonly project?: Project; readonly most?: number; readonly now?: Date},
  signal: AbortSignal,
): Promise<History> {
  const directory = join(root, 'history');
  const project = options.project === undefined ? undefined : projectKey(options.project);
  const found = (await list(directory))
    .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
    .filter((name) => project === undefined || fileName.exec(name)?.[2] === project);
  const names = inOrder(found, options.now ?? new Date())
    .toReversed()
    .slice(0, options.most ?? Infinity);
  const records: BuildRecord[] = [];
  const unreadable: string[] = [];
  for (let first = 0; first < names.length; first += readAtOnce) {
    const some = names.slice(first, first + readAtOnce);
    const found = await Promise.all(some.map((name) => readRecord(join(directory, name), signal)));
    for (const [index, record] of found.entries()) {
      if (record === 'gone') continue;
      if (record === undefined) unreadable.push(some[index] ?? '');
      else records.push(record);
    }
  }
  return {records, unreadable};
}

async function list(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw new BuildError('IO', `cannot read the build history: ${messageOf(error)}`, {file: directory, cause: error});
  }
}

/** `gone`: another run removed it meanwhile, or an earlier version of this tool wrote it. */
async function readRecord(path: string, signal: AbortSignal): Promise<BuildRecord | 'gone' | undefined> {
  try {
    const text = await readBounded(path, mostBytes, 'STORE_CORRUPT', signal);
    if (text === undefined) return 'gone';
    return parseRecord(text) ?? (isOldRecord(text) ? 'gone' : undefined);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/**
 * Seconds that each step took when it last ran, by step key: the median of up to five runs that no cache answered. Empty
 * where there is no history, or none that can be read: an estimate is never a reason to fail. Rejects only with the
 * signal's reason.
 */
export async function pastDurations(
  root: string,
  signal: AbortSignal,
  project?: Project,
): Promise<ReadonlyMap<string, number>> {
  const samples = new Map<string, number[]>();
  try {
    const history = await readHistory(root, {...(project !== undefined && {project}), most: mostPerProject}, signal);
    for (const step of history.records.flatMap((record) => record.steps)) {
      if (step.cached || step.failed) continue;
      const taken = samples.get(step.key) ?? [];
      if (taken.length < mostSamples) samples.set(step.key, [...taken, step.seconds]);
    }
  } catch {
    signal.throwIfAborted();
  }
  return new Map([...samples].map(([key, seconds]) => [key, median(seconds)]));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
