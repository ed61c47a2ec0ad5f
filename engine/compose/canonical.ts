import {didYouMean} from '../base/nearest.js';
import {buildKeys, serviceKeys, topKeys} from './keys.js';
import {
  type ComposeNode,
  describe,
  isNull,
  listNode,
  type MapEntry,
  type MapNode,
  mapNode,
  type ScalarNode,
  scalarNode,
} from './node.js';
import {errorAt, type Position} from './source.js';

const keyed = new Set(['args', 'labels', 'additional_contexts', 'ssh']);

/**
 * One file's model with short forms written out, so that files can be merged: `build: PATH`, lists of `KEY=VALUE`, a
 * single `env_file`. What has no bearing on a build is left out. Throws COMPOSE_INVALID for unknown keys and for shapes
 * that Compose refuses, at their place.
 */
export function canonicalModel(root: ComposeNode): MapNode {
  const top = expectMap(root, 'a Compose file');
  checkKeys(top, topKeys, 'at the top of a Compose file');
  const entries = new Map<string, MapEntry>();
  for (const [key, entry] of top.entries) {
    if (key === 'services') {
      const services = expectMap(entry.value, 'services');
      const canonical = [...services.entries].map(([name, service]): [string, MapEntry] => [
        name,
        {key: service.key, value: canonicalService(service.value, name)},
      ]);
      entries.set(key, {key: entry.key, value: mapNode(canonical, services.at, services.tag)});
    } else if (key === 'secrets' || key === 'name' || key === 'include') {
      if (!isNull(entry.value)) entries.set(key, entry);
    }
  }
  return mapNode(entries, top.at);
}

function canonicalService(node: ComposeNode, name: string): ComposeNode {
  if (node.tag === 'reset') return node;
  const service = expectMap(node, `services.${name}`);
  checkKeys(service, serviceKeys, `in service ${name}`);
  const entries = new Map<string, MapEntry>();
  for (const key of ['build', 'image', 'platform', 'env_file', 'extends']) {
    const entry = service.entries.get(key);
    if (entry === undefined) continue;
    const where = `services.${name}.${key}`;
    const value =
      key === 'build' ? canonicalBuild(entry.value, where) : key === 'env_file' ? list(entry.value) : entry.value;
    if (value !== undefined) entries.set(key, {key: entry.key, value});
  }
  return mapNode(entries, service.at, service.tag);
}

function canonicalBuild(node: ComposeNode, where: string): ComposeNode | undefined {
  if (node.tag === 'reset') return node;
  if (isNull(node)) return undefined;
  if (node.kind === 'scalar' && typeof node.value === 'string') {
    const {tag, ...context} = node;
    return mapNode([['context', {key: node.at, value: context}]], node.at, tag);
  }
  const build = expectMap(node, where, 'a path or a mapping');
  checkKeys(build, buildKeys, `of ${where}`);
  const entries = [...build.entries]
    .filter(([key, entry]) => !key.startsWith('x-') && !isUntaggedNull(entry.value))
    .map(([key, entry]): [string, MapEntry] => {
      if (keyed.has(key)) return [key, {key: entry.key, value: keyedMap(entry.value, `${where}.${key}`)}];
      if (key === 'no_cache_filter') return [key, {key: entry.key, value: list(entry.value)}];
      if (key === 'extra_hosts') return [key, {key: entry.key, value: hostList(entry.value, `${where}.${key}`)}];
      return [key, entry];
    });
  return mapNode(entries, build.at, build.tag);
}

// A key without a value leaves what an earlier file says.
function isUntaggedNull(node: ComposeNode): boolean {
  return node.tag === undefined && isNull(node);
}

function list(node: ComposeNode): ComposeNode {
  return node.kind === 'list' || node.tag === 'reset' ? node : listNode([node], node.at, node.tag);
}

/** `[A=1, B]` as `{A: "1", B: null}`; a later element wins over an earlier one of its name. */
function keyedMap(node: ComposeNode, where: string): ComposeNode {
  if (node.tag === 'reset' || node.kind === 'map') return node;
  if (node.kind !== 'list') throw wrong(node, where, 'a mapping or a list of KEY=VALUE');
  const entries = new Map<string, MapEntry>();
  for (const [index, item] of node.items.entries()) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string') throw wrong(item, `${where}[${index}]`, 'KEY=VALUE');
    const equals = item.value.indexOf('=');
    const key = equals < 0 ? item.value : item.value.slice(0, equals);
    const value: ScalarNode =
      equals < 0 ? {...item, value: null, text: ''} : scalarNode(item.value.slice(equals + 1), item);
    entries.set(key, {key: item.at, value});
  }
  return mapNode(entries, node.at, node.tag);
}

/** Hosts as a list of `host=address`: a host may have several addresses. */
function hostList(node: ComposeNode, where: string): ComposeNode {
  if (node.tag === 'reset') return node;
  if (node.kind === 'list') {
    const items = node.items.map((item) => {
      if (item.kind !== 'scalar' || typeof item.value !== 'string') throw wrong(item, where, 'host=address');
      const match = /^([^=:]+)[=:](.+)$/s.exec(item.value);
      if (match === null) throw wrong(item, where, 'host=address');
      return scalarNode(`${match[1] ?? ''}=${(match[2] ?? '').replace(/^\[(.*)\]$/, '$1')}`, item);
    });
    return listNode(items, node.at, node.tag);
  }
  const hosts = expectMap(node, where, 'a mapping or a list of host=address');
  const items = [...hosts.entries].flatMap(([host, {value}]) =>
    (value.kind === 'list' ? value.items : [value]).map((address) => {
      if (address.kind !== 'scalar' || address.value === null) throw wrong(address, `${where}.${host}`, 'an address');
      return scalarNode(`${host}=${address.text}`, address);
    }),
  );
  return listNode(items, node.at, node.tag);
}

export function expectMap(node: ComposeNode, where: string, expected = 'a mapping'): MapNode {
  if (node.kind === 'map') return node;
  throw wrong(node, where, expected);
}

export function wrong(node: ComposeNode, where: string, expected: string): Error {
  return errorAt('COMPOSE_INVALID', `${where} must be ${expected}, not ${describe(node)}`, node.at);
}

function checkKeys(node: MapNode, known: ReadonlySet<string>, where: string): void {
  for (const [key, entry] of node.entries) {
    if (known.has(key) || key.startsWith('x-')) continue;
    throw unknownKey(key, known, where, entry.key);
  }
}

function unknownKey(key: string, known: ReadonlySet<string>, where: string, at: Position): Error {
  const message = `there is no key "${key}" ${where}${didYouMean(key, known)}`;
  return errorAt('COMPOSE_INVALID', message, at, 'Own keys start with x-.');
}
