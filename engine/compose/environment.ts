import {stat} from 'node:fs/promises';
import {relative, resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import {readBounded} from '../base/read-bounded.js';
import {parseEnvFile} from './env-file.js';
import type {SourceFile} from './source.js';
import type {Lookup, Variable} from './substitute.js';

const mostBytes = 4 * 1024 * 1024;

/** Variables for interpolation: the caller's environment over `.env` files. Immutable. */
export type Variables = ReadonlyMap<string, Variable>;

export function variablesOf(environment: ReadonlyMap<string, string>): Variables {
  return new Map([...environment].map(([name, value]) => [name, {value, origin: 'environment'}]));
}

/** `more` where `variables` has nothing. */
export function withDefaults(variables: Variables, more: ReadonlyMap<string, string>): Variables {
  const merged = new Map<string, Variable>([...more].map(([name, value]) => [name, {value, origin: '.env'}]));
  for (const [name, variable] of variables) merged.set(name, variable);
  return merged;
}

/** A file as messages name it: relative to `directory` where it lies below it. */
export function labelOf(path: string, directory: string): string {
  const inside = relative(directory, path);
  return inside === '' || inside.startsWith('..') ? path : inside;
}

/** Told every path that is read or looked for: what is found there decides the result. */
export type Look = (path: string) => void;

/**
 * The variables with those of `.env` files added, in order: a later file wins over an earlier one, what is already set
 * wins over all. Rejects where a file is broken, or where `required` and absent.
 */
export async function addEnvFiles(
  variables: Variables,
  paths: readonly string[],
  options: {
    readonly directory: string;
    readonly required: boolean;
    readonly unset: Lookup['unset'];
    readonly look: Look;
  },
  signal: AbortSignal,
): Promise<Variables> {
  let found: ReadonlyMap<string, string> = new Map();
  for (const path of paths) {
    options.look(path);
    const text = await readBounded(path, mostBytes, 'COMPOSE_INVALID', signal);
    const label = labelOf(path, options.directory);
    if (text === undefined) {
      if (options.required) throw new BuildError('COMPOSE_NOT_FOUND', 'there is no such env file', {file: label});
      continue;
    }
    const file: SourceFile = {path, label, text, directory: options.directory};
    const outer = withDefaults(variables, found);
    const own = parseEnvFile(file, {get: (name) => outer.get(name), unset: options.unset});
    found = new Map([...found, ...own]);
  }
  return withDefaults(variables, found);
}

/** `.env` of a directory, or what COMPOSE_ENV_FILES names; none where COMPOSE_DISABLE_ENV_FILE is true. */
export async function addDefaultEnvFile(
  variables: Variables,
  directory: string,
  options: {readonly labels: string; readonly unset: Lookup['unset']; readonly look: Look},
  signal: AbortSignal,
): Promise<Variables> {
  const disabled = variables.get('COMPOSE_DISABLE_ENV_FILE')?.value ?? '';
  if (/^(?:1|t|true)$/i.test(disabled)) return variables;
  const named = variables.get('COMPOSE_ENV_FILES');
  const listed = named?.origin === 'environment' && named.value !== '' ? named.value.split(',') : undefined;
  const paths = (listed ?? ['.env']).map((path) => resolve(directory, path.trim()));
  for (const path of paths) options.look(path);
  if (listed === undefined && (await isDirectory(paths[0] ?? ''))) return variables;
  const settings = {
    directory: options.labels,
    required: listed !== undefined,
    unset: options.unset,
    look: options.look,
  };
  return addEnvFiles(variables, paths, settings, signal);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
