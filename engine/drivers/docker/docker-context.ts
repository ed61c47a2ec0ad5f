import {createHash} from 'node:crypto';
import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError, quote} from '../../base/errors.js';
import {didYouMean} from '../../base/nearest.js';
import {readBounded} from '../../base/read-bounded.js';
import {type DaemonTls, readTls} from './daemon-tls.js';

const mostBytes = 4 * 1024 * 1024;

/** Name of the docker context in use, or undefined for the built-in one, `default`. */
export async function currentContext(
  environment: ReadonlyMap<string, string>,
  directory: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const chosen = environment.get('DOCKER_CONTEXT') ?? '';
  const name = chosen === '' ? await configuredContext(join(directory, 'config.json'), signal) : chosen;
  return name === 'default' || name === '' ? undefined : name;
}

async function configuredContext(file: string, signal: AbortSignal): Promise<string | undefined> {
  const text = await readBounded(file, mostBytes, 'CONFIG_INVALID', signal);
  if (text === undefined || text.trim() === '') return undefined;
  const name = parseObject(text, file)['currentContext'];
  if (name === undefined || name === null) return undefined;
  if (typeof name !== 'string') throw new BuildError('CONFIG_INVALID', '"currentContext" is not a string', {file});
  return name;
}

/**
 * Address and TLS material of a context: `contexts/meta/<sha256 of the name>/meta.json` and
 * `contexts/tls/<sha256>/docker/`. Rejects with CONFIG_INVALID, offering the nearest context that exists.
 */
export async function readContext(
  name: string,
  directory: string,
  signal: AbortSignal,
): Promise<{readonly host: string; readonly tls: DaemonTls | undefined}> {
  const id = createHash('sha256').update(name).digest('hex');
  const file = join(directory, 'contexts/meta', id, 'meta.json');
  const text = await readBounded(file, mostBytes, 'CONFIG_INVALID', signal);
  if (text === undefined) {
    const known = await contextNames(directory, signal);
    throw new BuildError('CONFIG_INVALID', `there is no docker context ${quote(name)}${didYouMean(name, known)}`, {
      remedy: `Known contexts: ${['default', ...known].join(', ')}. Check DOCKER_CONTEXT, or run "docker context use".`,
    });
  }
  const endpoint = field(field(parseObject(text, file), 'Endpoints'), 'docker');
  const host = endpoint['Host'];
  if (typeof host !== 'string' || host === '') {
    throw new BuildError('CONFIG_INVALID', `the docker context ${quote(name)} has no Endpoints.docker.Host`, {file});
  }
  const verify = endpoint['SkipTLSVerify'] !== true;
  const tls = await readTls(join(directory, 'contexts/tls', id, 'docker'), verify, signal);
  const secured = tls.ca !== undefined || tls.cert !== undefined || !verify;
  return {host, tls: secured ? tls : undefined};
}

async function contextNames(directory: string, signal: AbortSignal): Promise<readonly string[]> {
  const meta = join(directory, 'contexts/meta');
  const ids = await readdir(meta).catch(() => []);
  const names: string[] = [];
  for (const id of ids.sort()) {
    const file = join(meta, id, 'meta.json');
    try {
      const name = parseObject((await readBounded(file, mostBytes, 'CONFIG_INVALID', signal)) ?? '{}', file)['Name'];
      if (typeof name === 'string') names.push(name);
    } catch {
      signal.throwIfAborted();
      // A broken neighbour does not hide the others.
    }
  }
  return names.sort();
}

function field(value: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const inner = value[name];
  return typeof inner === 'object' && inner !== null ? (inner as Readonly<Record<string, unknown>>) : {};
}

function parseObject(text: string, file: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The parser's message quotes the text; config.json holds secrets.
    throw new BuildError('CONFIG_INVALID', 'the file is not valid JSON', {file});
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new BuildError('CONFIG_INVALID', 'the file is not a JSON object', {file});
  }
  return parsed as Readonly<Record<string, unknown>>;
}
