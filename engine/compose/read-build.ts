import {join, resolve} from 'node:path';
import {didYouMean} from '../base/nearest.js';
import {wrong} from './canonical.js';
import type {
  ComposeArg,
  ComposeBuild,
  ComposeContext,
  ComposeOrigin,
  ComposeSecret,
  ComposeSsh,
} from './compose-build.js';
import type {Variables} from './environment.js';
import {field, type MapNode, type ScalarNode} from './node.js';
import {
  booleanField,
  entriesOf,
  filledText,
  integerOf,
  scalarEntries,
  sizeField,
  textField,
  textList,
} from './read-values.js';
import {errorAt, linesOf} from './source.js';

/** The part of ComposeBuild that stands in `build`, `image` and `platform`. */
export type BuildSettings = Omit<
  ComposeBuild,
  'files' | 'projectDirectory' | 'projectName' | 'service' | 'envFiles' | 'missingEnvFiles' | 'warnings' | 'looked'
>;

/**
 * Reads the service's `build` (Compose Build Specification). Relative paths belong to the file they stand in. Throws
 * COMPOSE_INVALID at the value that is wrong.
 */
export function readBuild(
  model: MapNode,
  service: MapNode,
  name: string,
  variables: Variables,
  projectDirectory: string,
): BuildSettings {
  const where = `services.${name}.build`;
  const build = field(service, 'build');
  if (build?.kind !== 'map') throw errorAt('COMPOSE_INVALID', `service "${name}" has no build`, service.at);
  const home = variables.get('HOME')?.value;
  const dockerfile = filledText(build, 'dockerfile', where);
  const inline = textField(build, 'dockerfile_inline', where);
  if (dockerfile !== undefined && inline !== undefined && inline.text !== '') {
    throw errorAt(
      'COMPOSE_INVALID',
      `${where} has both dockerfile and dockerfile_inline`,
      inline.at,
      'Remove one of them.',
    );
  }
  return {
    image: filledText(service, 'image', `services.${name}`),
    context: readContext(textField(build, 'context', where), projectDirectory, home),
    dockerfile,
    dockerfileInline: inline === undefined || inline.text === '' ? undefined : inline.text,
    target: filledText(build, 'target', where),
    args: readArgs(build, where, variables),
    labels: Object.fromEntries(scalarEntries(build, 'labels', where).map(([key, value]) => [key, value.text])),
    platforms: readPlatforms(build, service, name),
    additionalContexts: readContexts(build, where, home),
    secrets: readSecrets(model, build, where, variables),
    ssh: readSsh(build, where, home),
    network: filledText(build, 'network', where),
    noCache: booleanField(build, 'no_cache', where),
    noCacheFilter: textList(build, 'no_cache_filter', where).map((item) => item.text),
    pull: booleanField(build, 'pull', where),
    cacheFrom: textList(build, 'cache_from', where).map((item) => item.text),
    cacheTo: textList(build, 'cache_to', where).map((item) => item.text),
    shmSize: sizeField(build, 'shm_size', where),
    extraHosts: textList(build, 'extra_hosts', where).map((item) => item.text.replace('=', ':')),
    tags: [...new Set(textList(build, 'tags', where).map((item) => item.text))],
    ulimits: readUlimits(build, where),
    privileged: booleanField(build, 'privileged', where),
    entitlements: textList(build, 'entitlements', where).map((item) => item.text),
  };
}

const remote = /^(?:https?:\/\/|git:\/\/|ssh:\/\/|github\.com\/|git@)/;

function localPath(node: ScalarNode, home: string | undefined): string {
  const {text} = node;
  if (home !== undefined && (text === '~' || text.startsWith('~/'))) return join(home, text.slice(1));
  return resolve(node.at.file.directory, text);
}

function readContext(node: ScalarNode | undefined, projectDirectory: string, home: string | undefined): ComposeContext {
  if (node === undefined || node.text === '') return {kind: 'directory', path: projectDirectory};
  if (remote.test(node.text) || node.text.includes('://')) return {kind: 'url', url: node.text};
  return {kind: 'directory', path: localPath(node, home)};
}

function readContexts(build: MapNode, where: string, home: string | undefined): ReadonlyMap<string, string> {
  return new Map(
    scalarEntries(build, 'additional_contexts', where).map(([name, value]): [string, string] => {
      const {text} = value;
      if (text === '') throw errorAt('COMPOSE_INVALID', `${where}.additional_contexts.${name} is empty`, value.at);
      const layout = /^oci-layout:\/\/([^:@]*)(.*)$/s.exec(text);
      if (layout !== null) {
        return [name, `oci-layout://${resolve(value.at.file.directory, layout[1] ?? '')}${layout[2] ?? ''}`];
      }
      const elsewhere = remote.test(text) || text.includes('://') || text.startsWith('service:');
      return [name, elsewhere ? text : localPath(value, home)];
    }),
  );
}

/** `KEY` alone takes the environment's value; without one it is left out, as Compose does. */
function readArgs(build: MapNode, where: string, variables: Variables): readonly ComposeArg[] {
  return scalarEntries(build, 'args', where).flatMap(([name, node]): ComposeArg[] => {
    const place = {file: node.at.file.label, line: linesOf(node.at).range.start};
    if (name === '') throw errorAt('COMPOSE_INVALID', `${where}.args has an argument without a name`, node.at);
    if (node.value !== null) {
      const used = node.uses.filter((use) => use.origin !== 'unset').map((use) => use.name);
      return [{name, value: node.text, origin: originOf(node), variables: [...new Set(used)], ...place}];
    }
    const variable = variables.get(name);
    if (variable === undefined) return [];
    return [{name, value: variable.value, origin: variable.origin, variables: [name], ...place}];
  });
}

/** The shell's part counts most, then `.env`, then that a default was taken. */
function originOf(node: ScalarNode): ComposeOrigin {
  const origins = new Set(node.uses.map((use) => use.origin));
  if (origins.has('environment')) return 'environment';
  if (origins.has('.env')) return '.env';
  return origins.size > 0 ? 'default' : 'compose';
}

function readPlatforms(build: MapNode, service: MapNode, name: string): readonly string[] {
  const list = textList(build, 'platforms', `services.${name}.build`);
  const own = textField(service, 'platform', `services.${name}`);
  if (own === undefined || own.text === '') return [...new Set(list.map((item) => item.text))];
  if (list.length > 0 && !list.some((item) => item.text === own.text)) {
    const listed = list.map((item) => item.text).join(', ');
    const message = `services.${name}.platform is "${own.text}", which build.platforms (${listed}) lacks`;
    throw errorAt('COMPOSE_INVALID', message, own.at, 'Add it to build.platforms, or remove platform.');
  }
  // What runs is what is built.
  return [own.text];
}

function readSecrets(model: MapNode, build: MapNode, where: string, variables: Variables): readonly ComposeSecret[] {
  const list = field(build, 'secrets');
  if (list === undefined) return [];
  if (list.kind !== 'list') throw wrong(list, `${where}.secrets`, 'a list');
  const defined = field(model, 'secrets');
  const home = variables.get('HOME')?.value;
  return list.items.map((item, index): ComposeSecret => {
    const label = `${where}.secrets[${index}]`;
    const source = item.kind === 'map' ? textField(item, 'source', label) : item;
    if (source?.kind !== 'scalar' || source.text === '') throw wrong(item, label, 'the name of a secret');
    const target = item.kind === 'map' ? filledText(item, 'target', label) : undefined;
    const secret = field(defined, source.text);
    if (secret?.kind !== 'map') {
      const known = defined?.kind === 'map' ? defined.entries.keys() : [];
      const message = `${label}: the secret "${source.text}" is not defined${didYouMean(source.text, known)}`;
      throw errorAt(
        'COMPOSE_INVALID',
        message,
        source.at,
        'Define it under secrets: at the top, with file: or environment:.',
      );
    }
    const id = target ?? source.text;
    const file = textField(secret, 'file', `secrets.${source.text}`);
    if (file !== undefined) return {id, source: {kind: 'file', path: localPath(file, home)}};
    const name = filledText(secret, 'environment', `secrets.${source.text}`);
    if (name !== undefined) return {id, source: {kind: 'env', name, value: variables.get(name)?.value}};
    const message = `secrets.${source.text} has neither file nor environment, so a build cannot read it`;
    throw errorAt('COMPOSE_INVALID', message, secret.at);
  });
}

function readSsh(build: MapNode, where: string, home: string | undefined): readonly ComposeSsh[] {
  return scalarEntries(build, 'ssh', where).map(([id, node]) => {
    const paths = node.text.split(',').filter((path) => path !== '');
    return {id: id === '' ? 'default' : id, paths: paths.map((path) => localPath({...node, text: path}, home))};
  });
}

function readUlimits(build: MapNode, where: string): readonly string[] {
  return entriesOf(build, 'ulimits', where).map(([name, node]) => {
    const label = `${where}.ulimits.${name}`;
    if (node.kind !== 'map') return `${name}=${integerOf(node, label, node)}`;
    const limit = (key: string): number => integerOf(field(node, key), `${label}.${key}`, node);
    return `${name}=${limit('soft')}:${limit('hard')}`;
  });
}
