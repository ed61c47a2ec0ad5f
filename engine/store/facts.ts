import {createHash, randomBytes} from 'node:crypto';
import {statSync} from 'node:fs';
import {readdir, rename, stat, unlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {gunzipSync, gzipSync} from 'node:zlib';
import {makeDirectory, parseVersioned, readSmall} from './files.js';
import {touch} from './records.js';

/** One thing that a step's result depends on, as `plan/` has it, with secrets hidden. */
export interface Fact {
  readonly kind: string;
  readonly name: string;
  readonly value: unknown;
}

/** What the cache key of each step of a build was made of, by the step's id. */
export type Facts = ReadonlyMap<string, readonly Fact[]>;

const version = 1;
const mostBytes = 32 * 1024 * 1024;
const mostFiles = 400;

/** The name under which facts are kept: the same for the same steps with the same keys. */
export function factsName(keys: readonly (readonly [id: string, key: string])[]): string {
  return createHash('sha256').update(JSON.stringify(keys)).digest('hex').slice(0, 32);
}

const directoryOf = (root: string, room: 'facts' | 'files'): string => join(root, 'history', room);

/**
 * True where facts of that name are kept; they count as used then. Builds of one project mostly share them, so that a
 * fully cached one writes none.
 */
export function hasFacts(root: string, name: string): boolean {
  return touched(join(directoryOf(root, 'facts'), name));
}

/** Rejects as the file system does. */
export async function writeFacts(root: string, name: string, facts: Facts): Promise<void> {
  await writeKept(directoryOf(root, 'facts'), name, JSON.stringify({version, steps: Object.fromEntries(facts)}));
}

/** Undefined where they are gone or damaged. */
export function readFacts(root: string, name: string): Facts | undefined {
  if (!/^[0-9a-f]{32}$/.test(name)) return undefined;
  const text = readKept(join(directoryOf(root, 'facts'), name));
  const steps = text === undefined ? undefined : parseVersioned(text, version)?.['steps'];
  if (typeof steps !== 'object' || steps === null) return undefined;
  const entries = Object.entries(steps as Record<string, unknown>).filter(([, parts]) => isFacts(parts));
  return new Map(entries as [string, readonly Fact[]][]);
}

function isFacts(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((fact: Partial<Fact> | null) => typeof fact?.kind === 'string' && typeof fact.name === 'string')
  );
}

/** A path that a step reads. */
export interface ListedFile {
  readonly path: string;
  /** Octal, as chmod has it, after a `d` for a directory; `link` for a symlink. */
  readonly mode: string;
  /** The first digits of a digest of everything else that counts. */
  readonly digest: string;
}

/** Keeps a list of files by its digest (64 hex digits); nothing where it is kept already. Rejects as the file system does. */
export async function writeFileList(root: string, digest: string, list: readonly ListedFile[]): Promise<void> {
  const directory = directoryOf(root, 'files');
  if (touched(join(directory, digest))) return;
  // A path may hold anything but NUL.
  await writeKept(directory, digest, list.map(({path, mode, digest: short}) => `${mode} ${short} ${path}`).join('\0'));
}

/** Undefined where it is gone or damaged. */
export function readFileList(root: string, digest: string): readonly ListedFile[] | undefined {
  if (!/^[0-9a-f]{64}$/.test(digest)) return undefined;
  const text = readKept(join(directoryOf(root, 'files'), digest));
  if (text === undefined) return undefined;
  if (text === '') return [];
  return text.split('\0').map((line) => {
    const [mode = '', short = ''] = line.split(' ', 2);
    return {mode, digest: short, path: line.slice(mode.length + short.length + 2)};
  });
}

/** Synchronous, as is all that a build does of which nothing has changed: promises of the file system take 4 ms to load. */
function touched(path: string): boolean {
  const found = statSync(path, {throwIfNoEntry: false});
  if (found === undefined) return false;
  touch(path, found.mtimeMs);
  return true;
}

async function writeKept(directory: string, name: string, text: string): Promise<void> {
  makeDirectory(directory);
  const beside = join(directory, `.${name}.${randomBytes(4).toString('hex')}`);
  try {
    await writeFile(beside, gzipSync(text, {level: 1}), {flag: 'wx', mode: 0o600});
    await rename(beside, join(directory, name));
  } catch (error) {
    await unlink(beside).catch(() => undefined);
    throw error;
  }
  await dropOld(directory);
}

function readKept(path: string): string | undefined {
  try {
    const bytes = readSmall(path, mostBytes, 'latin1')?.text;
    return bytes === undefined
      ? undefined
      : gunzipSync(Buffer.from(bytes, 'latin1'), {maxOutputLength: 8 * mostBytes}).toString();
  } catch {
    return undefined;
  }
}

/** The ones that were not used for longest go, and what a killed run left half-written. */
async function dropOld(directory: string): Promise<void> {
  const names = await readdir(directory);
  if (names.length <= mostFiles) return;
  const aged = await Promise.all(
    names.map(async (name) => ({name, time: (await stat(join(directory, name)).catch(() => undefined))?.mtimeMs ?? 0})),
  );
  const old = aged.toSorted((a, b) => a.time - b.time).slice(0, names.length - (mostFiles * 3) / 4);
  await Promise.all(old.map(({name}) => unlink(join(directory, name)).catch(() => undefined)));
}
