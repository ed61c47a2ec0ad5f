import {dirname, isAbsolute, join, resolve} from 'node:path';
import {stat} from 'node:fs/promises';
import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {readBounded} from '../base/read-bounded.js';
import {canonicalModel, wrong} from './canonical.js';
import {addEnvFiles, labelOf, type Look, type Variables} from './environment.js';
import {interpolate, type OnUnset} from './interpolate.js';
import {mergeModels, mergeServices} from './merge.js';
import {type ComposeNode, field, type MapEntry, type MapNode, mapNode, sameNode} from './node.js';
import {parseYaml} from './parse-yaml.js';
import {errorAt, type Position, type SourceFile} from './source.js';

const mostBytes = 4 * 1024 * 1024;
const mostFiles = 200;

export interface ModelOptions {
  /** Absolute: what messages name files relative to. */
  readonly labels: string;
  readonly unset: OnUnset;
  readonly look: Look;
}

interface Scope {
  /** Where relative paths of these files start. */
  readonly directory: string;
  readonly variables: Variables;
  /** Files that include one another, outermost first. */
  readonly included: readonly string[];
}

export interface ModelLoader {
  /** What `name:` of the files says, the last one, interpolated. */
  declaredName(files: readonly string[], directory: string, variables: Variables): Promise<string | undefined>;
  /** The files merged in order, their includes and extends resolved. */
  load(files: readonly string[], directory: string, variables: Variables): Promise<MapNode>;
}

/** Rejects with COMPOSE_NOT_FOUND, COMPOSE_SYNTAX, COMPOSE_INTERPOLATION or COMPOSE_INVALID, with file and line. */
export function createModelLoader(options: ModelOptions, signal: AbortSignal): ModelLoader {
  let read = 0;
  const parsed = new Map<string, readonly ComposeNode[]>();

  async function readDocuments(
    path: string,
    directory: string,
    from: Position | undefined,
  ): Promise<readonly ComposeNode[]> {
    const key = JSON.stringify([path, directory]);
    const known = parsed.get(key);
    if (known !== undefined) return known;
    const label = labelOf(path, options.labels);
    if (++read > mostFiles)
      throw new BuildError('COMPOSE_INVALID', `more than ${mostFiles} Compose files`, {file: label});
    options.look(path);
    const text = await readBounded(path, mostBytes, 'COMPOSE_INVALID', signal);
    if (text === undefined) {
      if (from !== undefined) throw errorAt('COMPOSE_NOT_FOUND', `there is no file ${label}`, from);
      throw new BuildError('COMPOSE_NOT_FOUND', 'there is no such Compose file', {file: label});
    }
    const file: SourceFile = {path, label, text, directory};
    const documents = await parseYaml(file);
    parsed.set(key, documents);
    if (documents.length > 0) return documents;
    throw new BuildError('COMPOSE_INVALID', 'the Compose file is empty', {file: label});
  }

  async function load(files: readonly string[], scope: Scope, from?: Position): Promise<MapNode> {
    let model: MapNode | undefined;
    for (const path of files) {
      for (const document of await readDocuments(path, scope.directory, from)) {
        const prepared = canonicalModel(interpolate(document, (name) => scope.variables.get(name), options.unset));
        const extended = await applyIncludes(await applyExtends(prepared, path, scope), path, scope);
        model = model === undefined ? extended : mergeModels(model, extended);
      }
    }
    if (model === undefined) throw new BuildError('COMPOSE_INVALID', 'no Compose file');
    return model;
  }

  async function applyIncludes(model: MapNode, path: string, scope: Scope): Promise<MapNode> {
    const include = field(model, 'include');
    if (include === undefined) return model;
    if (include.kind !== 'list') throw wrong(include, 'include', 'a list');
    let result = withoutKey(model, 'include');
    for (const item of include.items) {
      const paths = textsOf(item.kind === 'map' ? field(item, 'path') : item, 'include.path', item);
      const [first] = paths;
      if (first === undefined) throw errorAt('COMPOSE_INVALID', 'include needs a path', item.at);
      const files = paths.map(({text, at}) => localPath(text, at, scope.directory));
      const main = files[0] ?? '';
      const chain = [...scope.included, path];
      if (chain.includes(main)) {
        const names = [...chain, main].map((file) => labelOf(file, options.labels));
        throw errorAt('COMPOSE_INVALID', `the files include each other: ${names.join(' -> ')}`, first.at);
      }
      const [directoryNode] = textsOf(field(item, 'project_directory'), 'include.project_directory', item);
      const directory = directoryNode === undefined ? dirname(main) : resolve(scope.directory, directoryNode.text);
      const envFiles = textsOf(field(item, 'env_file'), 'include.env_file', item);
      const variables = await addEnvFiles(
        scope.variables,
        envFiles.length === 0
          ? await defaultEnv(directory, options.look)
          : envFiles.map(({text}) => resolve(scope.directory, text)),
        {
          directory: options.labels,
          required: envFiles.length > 0,
          unset: (name) => options.unset(name, item.at),
          look: options.look,
        },
        signal,
      );
      const imported = await load(files, {directory, variables, included: chain}, first.at);
      result = importInto(result, imported, first.at);
    }
    return result;
  }

  async function applyExtends(model: MapNode, path: string, scope: Scope): Promise<MapNode> {
    const services = field(model, 'services');
    if (services?.kind !== 'map') return model;
    const entries = new Map<string, MapEntry>();
    for (const [name, entry] of services.entries) {
      entries.set(name, {key: entry.key, value: await extend(name, services, path, scope, [])});
    }
    const key = model.entries.get('services')?.key ?? services.at;
    return mapNode(
      [...model.entries, ['services', {key, value: mapNode(entries, services.at, services.tag)}]],
      model.at,
    );
  }

  async function extend(
    name: string,
    services: MapNode,
    path: string,
    scope: Scope,
    chain: readonly string[],
  ): Promise<ComposeNode> {
    const service = services.entries.get(name)?.value;
    if (service === undefined) throw new Error(`unreachable: no service ${name}`);
    const by = field(service, 'extends');
    if (service.kind !== 'map' || by === undefined) return service;
    const [target] = textsOf(by.kind === 'map' ? field(by, 'service') : by, `services.${name}.extends`, by);
    if (target === undefined) throw errorAt('COMPOSE_INVALID', `services.${name}.extends needs a service`, by.at);
    const here = `${name} in ${labelOf(path, options.labels)}`;
    if (chain.includes(here)) {
      throw errorAt('COMPOSE_INVALID', `services extend each other: ${[...chain, here].join(' -> ')}`, target.at);
    }
    const [file] = textsOf(field(by, 'file'), `services.${name}.extends.file`, by);
    const otherPath = file === undefined ? path : localPath(file.text, file.at, scope.directory);
    const otherScope = file === undefined ? scope : {...scope, directory: dirname(otherPath)};
    const others = file === undefined ? services : await servicesOf(otherPath, otherScope, file.at);
    if (!others.entries.has(target.text)) {
      const message = `${labelOf(otherPath, options.labels)} has no service "${target.text}"${didYouMean(target.text, others.entries.keys())}`;
      throw errorAt('COMPOSE_INVALID', message, target.at);
    }
    const base = await extend(target.text, others, otherPath, otherScope, [...chain, here]);
    const own = withoutKey(service, 'extends');
    return base.kind === 'map' ? mergeServices(base, own) : own;
  }

  /** Services of a file as it stands: what it includes or extends counts only for the one that is asked for. */
  async function servicesOf(path: string, scope: Scope, from: Position): Promise<MapNode> {
    let model: MapNode | undefined;
    for (const document of await readDocuments(path, scope.directory, from)) {
      const part = canonicalModel(interpolate(document, (name) => scope.variables.get(name), options.unset));
      model = model === undefined ? part : mergeModels(model, part);
    }
    const services = field(model, 'services');
    if (services?.kind === 'map') return services;
    throw errorAt('COMPOSE_INVALID', `${labelOf(path, options.labels)} has no services`, from);
  }

  async function declaredName(
    files: readonly string[],
    directory: string,
    variables: Variables,
  ): Promise<string | undefined> {
    let name: string | undefined;
    for (const path of files) {
      for (const document of await readDocuments(path, directory, undefined)) {
        const node = field(document, 'name');
        if (node === undefined) continue;
        // Said again, with its warnings, when the whole file is interpolated.
        const value = interpolate(
          node,
          (variable) => variables.get(variable),
          () => undefined,
          ['name'],
        );
        if (value.kind === 'scalar' && value.text !== '') name = value.text;
      }
    }
    return name;
  }

  return {declaredName, load: (files, directory, variables) => load(files, {directory, variables, included: []})};
}

async function defaultEnv(directory: string, look: Look): Promise<readonly string[]> {
  const path = join(directory, '.env');
  look(path);
  const present = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  return present ? [path] : [];
}

/** Included resources beside the file's own; the same name is an error unless it is the same thing. */
function importInto(model: MapNode, imported: MapNode, at: Position): MapNode {
  const entries = new Map(model.entries);
  for (const section of ['services', 'secrets']) {
    const more = field(imported, section);
    if (more?.kind !== 'map') continue;
    const own = field(model, section);
    const merged = new Map(own?.kind === 'map' ? own.entries : []);
    for (const [name, entry] of more.entries) {
      const before = merged.get(name);
      if (before !== undefined && !sameNode(before.value, entry.value)) {
        const remedy = 'Change an included service in compose.override.yaml, or include a second path over it.';
        throw errorAt(
          'COMPOSE_INVALID',
          `${section}.${name} is defined here and in an included file`,
          before.key,
          remedy,
        );
      }
      merged.set(name, entry);
    }
    entries.set(section, {key: at, value: mapNode(merged, own?.at ?? more.at)});
  }
  return mapNode(entries, model.at);
}

function withoutKey(node: MapNode, key: string): MapNode {
  return mapNode(
    [...node.entries].filter(([name]) => name !== key),
    node.at,
    node.tag,
  );
}

interface PlacedText {
  readonly text: string;
  readonly at: Position;
}

/** One text or a list of them. */
function textsOf(node: ComposeNode | undefined, where: string, parent: ComposeNode): readonly PlacedText[] {
  if (node === undefined) return [];
  return (node.kind === 'list' ? node.items : [node]).map((item) => {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') throw wrong(item, where, 'text');
    if (item.value === '') throw errorAt('COMPOSE_INVALID', `${where} is empty`, parent.at);
    return {text: item.value, at: item.at};
  });
}

function localPath(text: string, at: Position, directory: string): string {
  if (/^(?:[a-z][a-z0-9+.-]*:\/\/|git@|oci:|github\.com\/)/i.test(text)) {
    throw errorAt('UNSUPPORTED', `Compose files are read from this machine only, not from ${text}`, at);
  }
  return isAbsolute(text) ? text : resolve(directory, text);
}
