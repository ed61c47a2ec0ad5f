import type {Stats} from 'node:fs';
import {readdir, stat} from 'node:fs/promises';
import {basename, dirname, join, resolve} from 'node:path';
import {BuildError, hasErrno} from '../base/errors.js';
import {wrong} from './canonical.js';
import type {ComposeBuild, ComposeEnvFile, ComposeWarning, MissingEnvFile} from './compose-build.js';
import {discover} from './discover.js';
import {labelOf, type Look, type Variables} from './environment.js';
import {createModelLoader} from './load-model.js';
import {field, type MapNode} from './node.js';
import {readBuild} from './read-build.js';
import {booleanField, filledText, textField} from './read-values.js';
import {selectService} from './select-service.js';
import {errorAt, linesOf, type Position} from './source.js';

export interface ComposeOptions {
  /** Absolute: the PATH of the build. */
  readonly directory: string;
  /** `--compose FILE`s, relative to `directory`; undefined or empty: looked for. */
  readonly files?: readonly string[];
  /** `--service NAME`. */
  readonly service?: string;
  readonly environment: ReadonlyMap<string, string>;
}

/**
 * Build settings from the Compose files of a checkout (DESIGN section "Without flags"), interpolated and merged as Docker
 * Compose does. Undefined where there is no Compose file, or none of its services is built and none was asked for. Reads
 * only; rejects with BuildError COMPOSE_*, with file, line and excerpt where it is about a place.
 */
export async function loadCompose(options: ComposeOptions, signal: AbortSignal): Promise<ComposeBuild | undefined> {
  const directory = resolve(options.directory);
  const warnings = new Map<string, ComposeWarning>();
  const warn = (message: string, at?: Position): void => {
    // Once a variable, not once a mention.
    if (warnings.has(message)) return;
    const line = at === undefined ? undefined : linesOf(at).range.start;
    warnings.set(message, {message, file: at?.file.label, line});
  };
  const unset = (name: string, at?: Position): void =>
    warn(`the variable ${name} is not set; it stands for nothing`, at);
  const looked = new Set<string>();
  const look: Look = (path) => void looked.add(path);
  const found = await discover({...options, files: options.files, directory, unset, warn, look}, signal);
  if (found === undefined) return undefined;

  const {files, projectDirectory} = found;
  const loader = createModelLoader({labels: directory, unset, look}, signal);
  const declared = await loader.declaredName(files, projectDirectory, found.variables);
  const projectName = nameOf(found.variables, declared, projectDirectory);
  const variables: Variables = new Map([
    ...found.variables,
    ['COMPOSE_PROJECT_NAME', {value: projectName, origin: 'environment'}],
  ]);
  const model = await loader.load(files, projectDirectory, variables);
  const labels = files.map((file) => labelOf(file, directory));
  const selected = selectService(model, options.service, labels);
  if (selected === undefined) {
    if (options.files === undefined || options.files.length === 0) return undefined;
    throw new BuildError('COMPOSE_INVALID', 'no service has build:', {
      ...(labels[0] !== undefined && {file: labels[0]}),
    });
  }
  const [service, node] = selected;
  const envFiles = readEnvFiles(node, `services.${service}`);
  return {
    files,
    projectDirectory,
    projectName,
    service,
    ...readBuild(model, node, service, variables, projectDirectory),
    envFiles,
    missingEnvFiles: await findMissing(envFiles, projectDirectory, look),
    looked: [...looked],
    warnings: [...warnings.values()],
  };
}

/** COMPOSE_PROJECT_NAME, else `name:`, else the directory's name in the letters that a project may have. */
function nameOf(variables: Variables, declared: string | undefined, directory: string): string {
  const given = variables.get('COMPOSE_PROJECT_NAME')?.value ?? '';
  if (given !== '') return given;
  if (declared !== undefined) return declared;
  return basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

function readEnvFiles(service: MapNode, where: string): readonly ComposeEnvFile[] {
  const list = field(service, 'env_file');
  if (list === undefined) return [];
  if (list.kind !== 'list') throw wrong(list, `${where}.env_file`, 'a path or a list');
  return list.items.map((item, index): ComposeEnvFile => {
    const label = `${where}.env_file[${index}]`;
    const path = item.kind === 'map' ? textField(item, 'path', label) : item;
    if (path?.kind !== 'scalar' || typeof path.value !== 'string') throw wrong(item, label, 'a path');
    if (path.text === '') throw errorAt('COMPOSE_INVALID', `${label} is empty`, path.at);
    const optional =
      item.kind === 'map' && field(item, 'required') !== undefined && !booleanField(item, 'required', label);
    return {
      path: resolve(path.at.file.directory, path.text),
      required: !optional,
      format: item.kind === 'map' ? filledText(item, 'format', label) : undefined,
    };
  });
}

/**
 * `<file>.default`; else the only `*.env.default` beside the file or in the project directory, so that a file chosen by
 * a variable (`env_file: ${PORTAL_ENV_FILE:-portal.env}`) is made from the project's one default.
 */
async function findMissing(
  envFiles: readonly ComposeEnvFile[],
  projectDirectory: string,
  look: Look,
): Promise<readonly MissingEnvFile[]> {
  const missing: MissingEnvFile[] = [];
  for (const {path} of envFiles) {
    look(path);
    if (await exists(path)) continue;
    const own = `${path}.default`;
    for (const other of [own, dirname(path), projectDirectory]) look(other);
    const from = (await isFile(own))
      ? own
      : ((await onlyDefault(dirname(path))) ?? (await onlyDefault(projectDirectory)));
    if (from !== undefined && (await exists(dirname(path)))) missing.push({path, from});
  }
  return missing;
}

async function onlyDefault(directory: string): Promise<string | undefined> {
  const names = await readdir(directory).catch(() => []);
  const [only, ...more] = names.filter((name) => name.endsWith('.env.default'));
  return only === undefined || more.length > 0 ? undefined : join(directory, only);
}

async function exists(path: string): Promise<boolean> {
  return (await lookAt(path)) !== undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await lookAt(path))?.isFile() ?? false;
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw new BuildError('IO', 'cannot look at the env file', {file: path, cause: error});
  }
}
