import {isAbsolute, resolve} from 'node:path';
import {fitsTimer, parseBytes, parseMilliseconds} from '../base/amounts.js';
import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {CacheSpec, Output, SecretSource} from '../drivers/driver.js';
import type {BuildArgument, EnvOverride, NamedContextSpec} from '../job/settings.js';
import {commaFields, commaPairs, splitOnce} from './comma-fields.js';
import {isSocket} from './compose-values.js';

type Environment = Readonly<Record<string, string | undefined>>;

const outputTypes = ['image', 'registry', 'oci', 'docker', 'tar', 'local'] as const;

function checkName(flag: string, name: string, text: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return;
  throw new BuildError('USAGE', `${flag} wants NAME=VALUE, not ${quote(text)}`);
}

/** `--build-arg K=V`; `K` alone takes the environment's value, and is nothing where that has none (as in docker). */
export function parseBuildArg(text: string, environment: Environment): BuildArgument | undefined {
  const [name, value] = splitOnce(text, '=');
  checkName('--build-arg', name, text);
  if (value !== undefined) return {name, value, origin: 'build-arg'};
  const inherited = environment[name];
  return inherited === undefined ? undefined : {name, value: inherited, origin: 'build-arg-environment'};
}

/** `--env [STAGE:]NAME=VALUE`. A colon before the first `=` ends the stage's name. */
export function parseEnvOverride(text: string): EnvOverride {
  const [left, value] = splitOnce(text, '=');
  const colon = left.lastIndexOf(':');
  const stage = colon === -1 ? undefined : left.slice(0, colon);
  const name = left.slice(colon + 1);
  checkName('--env', name, text);
  if (value === undefined || stage === '') {
    throw new BuildError('USAGE', `--env wants [STAGE:]NAME=VALUE, not ${quote(text)}`);
  }
  return {stage, name, value};
}

/** `--output type=local,dest=out`, or a bare path: `-` is a tar on standard output, else a directory. */
export function parseOutput(text: string, directory: string): Output {
  const pairs = commaPairs(text, '--output');
  const bare = !text.includes('=') && !text.includes(',');
  const type = bare ? (text === '-' ? 'tar' : 'local') : (pairs.get('type') ?? '');
  const known = outputTypes.find((candidate) => candidate === type);
  if (known === undefined) {
    throw new BuildError('USAGE', `--output has no type ${quote(type)}${didYouMean(type, outputTypes)}`, {
      remedy: `It is one of ${outputTypes.join(', ')}: --output type=local,dest=DIR.`,
    });
  }
  // An empty one names nothing, and must not become the working directory.
  const dest = (bare ? text : pairs.get('dest')) || undefined;
  if (dest === undefined && known === 'local') throw new BuildError('USAGE', '--output type=local needs dest=DIR');
  if (dest === '-' && known === 'local')
    throw new BuildError('USAGE', '--output type=local cannot go to standard output');
  const attributes = bare ? {} : Object.fromEntries([...pairs].filter(([key]) => key !== 'type' && key !== 'dest'));
  // BuildKit's own short form.
  if (known === 'registry') return {type: 'image', dest, attributes: {...attributes, push: 'true'}};
  if (attributes['push'] === '') return {type: known, dest, attributes: {...attributes, push: 'true'}};
  return {type: known, dest: dest === undefined || dest === '-' ? dest : resolve(directory, dest), attributes};
}

/** `--cache-from` and `--cache-to`: `type=registry,ref=…`, `type=local,src=DIR`, or a reference alone. */
export function parseCacheSpec(text: string, flag: string, directory: string): CacheSpec {
  if (!text.includes('=')) return {type: 'registry', attributes: {ref: text}};
  const pairs = commaPairs(text, flag);
  const type = pairs.get('type') ?? (pairs.has('ref') ? 'registry' : '');
  if (type === '') {
    throw new BuildError('USAGE', `${flag} wants type=TYPE,…, not ${quote(text)}`, {
      remedy: `For example ${flag} type=registry,ref=registry.example.org/app:cache.`,
    });
  }
  pairs.delete('type');
  for (const key of type === 'local' ? ['src', 'dest'] : []) {
    const path = pairs.get(key) ?? '';
    if (path !== '') pairs.set(key, resolve(directory, path));
  }
  return {type, attributes: Object.fromEntries(pairs)};
}

/** `--secret id=ID[,src=FILE|,env=NAME]`; without either the environment variable ID, else the file ID. */
export function parseSecret(text: string, directory: string, environment: Environment): [string, SecretSource] {
  const pairs = commaPairs(text, '--secret');
  for (const key of pairs.keys()) {
    if (!['id', 'src', 'source', 'env', 'type'].includes(key)) {
      throw new BuildError(
        'USAGE',
        `--secret has no option ${quote(key)}${didYouMean(key, ['id', 'src', 'env', 'type'])}`,
      );
    }
  }
  const type = pairs.get('type');
  if (type !== undefined && type !== 'file' && type !== 'env') {
    throw new BuildError('USAGE', `--secret type is file or env, not ${quote(type)}`);
  }
  const source = pairs.get('src') ?? pairs.get('source');
  const id = pairs.get('id') ?? '';
  if (id === '') throw new BuildError('USAGE', `--secret needs id=ID: ${quote(text)}`);
  const variable = pairs.get('env') ?? (type === 'env' ? (source ?? id) : undefined);
  if (variable !== undefined) {
    const value = environment[variable];
    if (value === undefined) {
      throw new BuildError('SECRET_NOT_FOUND', `--secret ${id}: the environment has no variable ${variable}`);
    }
    return [id, {kind: 'env', name: variable, value}];
  }
  const own = environment[id];
  if (source === undefined && type === undefined && own !== undefined) return [id, {kind: 'env', name: id, value: own}];
  return [id, {kind: 'file', path: resolve(directory, source ?? id)}];
}

/** `--ssh default|ID[=SOCKET|KEY[,KEY…]]`. Without a path: the agent of SSH_AUTH_SOCK. */
export function parseSsh(
  text: string,
  directory: string,
  environment: Environment,
): [string, {readonly socket: string} | {readonly keys: readonly string[]}] {
  const [given, paths] = splitOnce(text, '=');
  const id = given === '' ? 'default' : given;
  if (paths !== undefined && paths !== '') {
    const files = commaFields(paths, '--ssh').map((path) => resolve(directory, path));
    const [first = ''] = files;
    return [id, files.length === 1 && isSocket(first) ? {socket: first} : {keys: files}];
  }
  const socket = environment['SSH_AUTH_SOCK'];
  if (socket === undefined || socket === '') {
    throw new BuildError('USAGE', `--ssh ${id}: no agent is running (SSH_AUTH_SOCK is not set)`, {
      remedy: 'Start ssh-agent, or name key files: --ssh default=$HOME/.ssh/id_ed25519.',
    });
  }
  return [id, {socket}];
}

/** `--build-context NAME=PATH|docker-image://REF|oci-layout://PATH[:TAG][@DIGEST]|URL`. */
export function parseBuildContext(text: string, directory: string): [string, NamedContextSpec] {
  const [name, value] = splitOnce(text, '=');
  if (name === '' || value === undefined || value === '') {
    throw new BuildError('USAGE', `--build-context wants NAME=PATH, not ${quote(text)}`);
  }
  return [name, namedContextSpec(value, directory)];
}

/** The value of `--build-context` and of Compose's `additional_contexts`. */
export function namedContextSpec(value: string, directory: string): NamedContextSpec {
  if (value.startsWith('docker-image://')) return {kind: 'image', reference: value.slice('docker-image://'.length)};
  if (value.startsWith('oci-layout://')) {
    const match = /^(.*?)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(value.slice('oci-layout://'.length));
    const [, path = '', tag, digest] = match ?? [];
    return {kind: 'oci-layout', path: isAbsolute(path) ? path : resolve(directory, path), tag, digest};
  }
  if (/^(?:https?|git|ssh):\/\/|^git@/.test(value)) return {kind: 'url', url: value};
  return {kind: 'directory', path: resolve(directory, value)};
}

/** `90`, `90s`, `10m`, `1h30m`, `1.5h` in milliseconds, which a timer takes. */
export function parseDuration(text: string, flag: string): number {
  const milliseconds = durationOf(text, flag);
  if (fitsTimer(milliseconds)) return milliseconds;
  throw new BuildError('USAGE', `${flag} is out of range: ${quote(text)}`);
}

/** The same, of any length. */
export function durationOf(text: string, flag: string): number {
  const milliseconds = parseMilliseconds(text);
  if (milliseconds !== undefined) return milliseconds;
  throw new BuildError('USAGE', `${flag} wants a duration such as 90s, 10m or 1h30m, not ${quote(text)}`);
}

/** `64m`, `1g`, `1048576` in bytes. */
export function parseSize(text: string, flag: string): number {
  const bytes = parseBytes(text);
  if (bytes !== undefined) return bytes;
  throw new BuildError('USAGE', `${flag} wants a size such as 64m or 1g, not ${quote(text)}`);
}

/** A whole number of at least 1. */
export function parseCount(text: string, flag: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new BuildError('USAGE', `${flag} wants a whole number of at least 1, not ${quote(text)}`);
}

/** A port of TCP, from 1 to 65535. */
export function parsePort(text: string, flag: string): number {
  const port = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Infinity;
  if (port <= 65_535) return port;
  throw new BuildError('USAGE', `${flag} wants a port from 1 to 65535, not ${quote(text)}`);
}

/** `--label K=V`, `K` alone is an empty value. */
export function parseLabel(text: string): [string, string] {
  const [key, value] = splitOnce(text, '=');
  if (key === '') throw new BuildError('USAGE', `--label wants KEY=VALUE, not ${quote(text)}`);
  return [key, value ?? ''];
}

/** `--ulimit NAME=SOFT[:HARD]`; which names there are is for the driver to say. */
export function parseUlimit(text: string): string {
  if (/^[a-z]+=-?\d+(?::-?\d+)?$/.test(text)) return text;
  throw new BuildError('USAGE', `--ulimit wants NAME=SOFT[:HARD], not ${quote(text)}`, {
    remedy: 'For example --ulimit nofile=1024:4096.',
  });
}

/** `--add-host NAME:IP` or `NAME=IP`. */
export function parseHost(text: string): string {
  const match = /^([^:=]+)[:=](.+)$/.exec(text);
  if (match === null) throw new BuildError('USAGE', `--add-host wants NAME:IP, not ${quote(text)}`);
  return `${match[1] ?? ''}:${match[2] ?? ''}`;
}
