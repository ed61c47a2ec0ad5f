import {stat} from 'node:fs/promises';
import {dirname, isAbsolute, join, resolve} from 'node:path';
import {BuildError, hasErrno} from '../base/errors.js';
import {addDefaultEnvFile, labelOf, type Look, type Variables, variablesOf} from './environment.js';
import type {Lookup} from './substitute.js';

/** In the order of Compose, which says `.yml` before `.yaml` for the old name only. */
const fileNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = [
  ...['compose.override.yml', 'compose.override.yaml'],
  ...['docker-compose.override.yml', 'docker-compose.override.yaml'],
];

/** Everything that `discover` looks for below the directory where it finds no Compose file. */
export function discoverable(directory: string): readonly string[] {
  const places = [directory, join(directory, 'docker')];
  return places.flatMap((place) => [
    place,
    ...[...fileNames, ...overrideNames, '.env'].map((name) => join(place, name)),
  ]);
}

export interface DiscoverOptions {
  /** Absolute: where the command runs, or the PATH it was given. */
  readonly directory: string;
  /** `--compose FILE`, relative to `directory`. */
  readonly files: readonly string[] | undefined;
  readonly environment: ReadonlyMap<string, string>;
  readonly unset: Lookup['unset'];
  readonly warn: (message: string) => void;
  readonly look: Look;
}

export interface Discovered {
  /** Absolute, at least one; later ones go over earlier ones. */
  readonly files: readonly string[];
  /** Absolute: that of the first file. */
  readonly projectDirectory: string;
  /** The environment over the `.env` files. */
  readonly variables: Variables;
}

/**
 * Which Compose files describe the build: those given; those of COMPOSE_FILE (also from `.env`); the well-known names
 * with their override, in the directory itself and then in its `docker/`. Parent directories are not searched: a build
 * of PATH takes nothing from above PATH. Undefined where there is none. Rejects with COMPOSE_NOT_FOUND where a file was
 * named and is absent.
 */
export async function discover(options: DiscoverOptions, signal: AbortSignal): Promise<Discovered | undefined> {
  const {directory, files} = options;
  const shell = variablesOf(options.environment);
  if (files !== undefined && files.length > 0) {
    return assemble(
      files.map((file) => resolve(directory, file)),
      directory,
      shell,
      options,
      signal,
    );
  }
  let missing: readonly string[] | undefined;
  for (const candidate of [directory, join(directory, 'docker')]) {
    const found = await discoverIn(candidate, shell, options, signal);
    if (found === undefined) continue;
    if (await isFile(found[0] ?? '', options.look)) return assemble(found, candidate, shell, options, signal);
    missing ??= found;
  }
  if (missing === undefined) return undefined;
  throw notFound(missing[0] ?? '', directory, 'COMPOSE_FILE names it.');
}

async function discoverIn(
  directory: string,
  shell: Variables,
  options: DiscoverOptions,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const settings = {labels: options.directory, unset: () => undefined, look: options.look};
  const variables = await addDefaultEnvFile(shell, directory, settings, signal);
  const named = variables.get('COMPOSE_FILE')?.value ?? '';
  if (named !== '') {
    const separator = variables.get('COMPOSE_PATH_SEPARATOR')?.value ?? '';
    return named.split(separator === '' ? ':' : separator).map((file) => resolve(directory, file));
  }
  const [file, ...others] = await existing(directory, fileNames, options.look);
  if (file === undefined) return undefined;
  const [override, ...otherOverrides] = await existing(directory, overrideNames, options.look);
  for (const unused of [...others, ...otherOverrides]) {
    const used = others.includes(unused) ? file : (override ?? file);
    options.warn(
      `${labelOf(unused, options.directory)} is passed over: ${labelOf(used, options.directory)} goes before it`,
    );
  }
  return override === undefined ? [file] : [file, override];
}

async function assemble(
  files: readonly string[],
  directory: string,
  shell: Variables,
  options: DiscoverOptions,
  signal: AbortSignal,
): Promise<Discovered> {
  for (const file of files) {
    if (!(await isFile(file, options.look)))
      throw notFound(file, options.directory, 'Check --compose and COMPOSE_FILE.');
  }
  const projectDirectory = dirname(files[0] ?? directory);
  const settings = {labels: options.directory, unset: options.unset, look: options.look};
  let variables = await addDefaultEnvFile(shell, directory, settings, signal);
  // The `.env` beside the first file counts too, after that of the working directory.
  if (projectDirectory !== directory && !variables.has('COMPOSE_ENV_FILES')) {
    variables = await addDefaultEnvFile(variables, projectDirectory, settings, signal);
  }
  return {files, projectDirectory, variables};
}

async function existing(directory: string, names: readonly string[], look: Look): Promise<readonly string[]> {
  const paths = names.map((name) => join(directory, name));
  const present = await Promise.all(paths.map((path) => isFile(path, look)));
  return paths.filter((_, index) => present[index]);
}

async function isFile(path: string, look: Look): Promise<boolean> {
  if (!isAbsolute(path)) return false;
  look(path);
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw new BuildError('COMPOSE_INVALID', 'cannot look at the Compose file', {file: path, cause: error});
  }
}

function notFound(path: string, directory: string, remedy: string): BuildError {
  return new BuildError('COMPOSE_NOT_FOUND', 'there is no such Compose file', {file: labelOf(path, directory), remedy});
}
