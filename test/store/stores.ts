import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, readdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import {closeStore, openStore} from '../../engine/store/open.js';
import {completeSnapshot, newSnapshot} from '../../engine/store/snapshots.js';
import type {StepRecord} from '../../engine/store/step-record.js';
import type {Store} from '../../engine/store/store.js';
import {temporaryDirectory} from '../helpers/temporary.js';

export const never: AbortSignal = new AbortController().signal;

/** An open store that is closed when the test ends. */
export function testStore(t: ExecutionContext, root = temporaryDirectory(t)): Store {
  const store = openStore(root, never);
  t.teardown(() => closeStore(store));
  return store;
}

/** A store that was opened and closed again: what is in it belongs to no running build. */
export async function withStore<T>(root: string, action: (store: Store) => Promise<T> | T): Promise<T> {
  const store = openStore(root, never);
  try {
    return await action(store);
  } finally {
    closeStore(store);
  }
}

export async function* chunks(...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const text of texts) yield await Promise.resolve(typeof text === 'string' ? Buffer.from(text) : text);
}

export function keyOf(number: number): string {
  return number.toString(16).padStart(64, '0');
}

export function stepRecord(key: string, fields: Partial<StepRecord> = {}): StepRecord {
  return {
    key,
    stepIdentity: 'builder 1',
    parts: {operation: 'RUN make', files: {'a.c': 'sha256:1'}, inputs: ['x', 'y']},
    snapshot: null,
    seconds: 1.5,
    created: '2026-01-01T00:00:00.000Z',
    ...fields,
  };
}

/** A complete snapshot with one file. */
export function snapshotWith(store: Store, file: string, content: string, parents: readonly string[] = []): string {
  const {id, fs} = newSnapshot(store);
  writeFileSync(join(fs, file), content);
  completeSnapshot(store, id, {synced: false, parents});
  return id;
}

/** Every file below a directory, directories without content left out. */
export function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, {recursive: true, withFileTypes: true})
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .sort();
}

/** A process that works on a store; see `store-child.ts`. */
export function startChild(t: ExecutionContext, ...args: readonly string[]): ChildProcess {
  const script = new URL('store-child.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, ...args], {stdio: ['ignore', 'pipe', 'inherit']});
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

export async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode;
}

export async function firstOutput(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no output');
  const [data] = (await once(child.stdout, 'data')) as [Buffer];
  return data.toString().trim();
}

export function makeDirectories(...paths: readonly string[]): void {
  for (const path of paths) mkdirSync(path, {recursive: true});
}
