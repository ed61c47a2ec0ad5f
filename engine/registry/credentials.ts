import {BuildError, quote} from '../base/errors.js';
import {readBounded} from '../base/read-bounded.js';
import {askCredentialHelper} from './credential-helper.js';

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  /** Bearer token instead of a password. */
  readonly identityToken?: string;
}

/** Credentials for one registry host (`index.docker.io` for Docker Hub), or undefined where none are configured. */
export type CredentialSource = (host: string, signal: AbortSignal) => Promise<RegistryCredentials | undefined>;

export interface CredentialOptions {
  /** Docker's `config.json`; it may be absent. */
  readonly configPath: string;
  /** What the credential helpers run with: PATH, HOME, and what they need beside. */
  readonly environment: ReadonlyMap<string, string>;
}

interface DockerConfig {
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credHelpers: Readonly<Record<string, unknown>>;
  readonly credsStore: string | undefined;
}

const mostBytes = 4 * 1024 * 1024;
const hubServer = 'https://index.docker.io/v1/';
const hubNames = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

/**
 * Reads Docker's configuration at every question (a login may happen meanwhile). A host gets what is stored for exactly
 * this host and port, never what a parent domain or another port has. Rejects with CREDENTIALS_INVALID, naming file and
 * key and never a value; TOOL_MISSING where a configured helper is not installed.
 */
export function createCredentials(options: CredentialOptions): CredentialSource {
  return async (host, signal) => {
    const text = await readBounded(options.configPath, mostBytes, 'CREDENTIALS_INVALID', signal);
    if (text === undefined || text.trim() === '') return undefined;
    const config = parseConfig(text, options.configPath);
    const helper = helperFor(config, host, options.configPath);
    if (helper !== undefined) {
      for (const server of serverNames(host)) {
        const found = await askCredentialHelper(helper, server, options, signal);
        if (found !== undefined) return found;
      }
    }
    return storedFor(config, host, options.configPath);
  };
}

function invalid(file: string, message: string, remedy?: string, cause?: unknown): BuildError {
  return new BuildError('CREDENTIALS_INVALID', message, {file, ...(remedy !== undefined && {remedy}), cause});
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseConfig(text: string, file: string): DockerConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // The parser's message quotes the text, which holds secrets.
    throw invalid(file, 'the Docker configuration is not valid JSON', 'Repair the file, or log in again.');
  }
  if (!isRecord(parsed)) throw invalid(file, 'the Docker configuration is not a JSON object');
  const section = (key: string): Readonly<Record<string, unknown>> => {
    const value = parsed[key];
    if (value === undefined || value === null) return {};
    if (!isRecord(value)) throw invalid(file, `"${key}" is not an object`);
    return value;
  };
  const store = parsed['credsStore'];
  if (store !== undefined && store !== null && typeof store !== 'string') {
    throw invalid(file, '"credsStore" is not a string');
  }
  return {
    auths: section('auths'),
    credHelpers: section('credHelpers'),
    credsStore: typeof store === 'string' && store !== '' ? store : undefined,
  };
}

/** Suffix of the `docker-credential-*` program that answers for `host`. */
function helperFor(config: DockerConfig, host: string, file: string): string | undefined {
  for (const [key, helper] of Object.entries(config.credHelpers)) {
    if (hostOf(key) !== normalHost(host)) continue;
    if (typeof helper !== 'string') throw invalid(file, `"credHelpers" has no helper's name for ${quote(key)}`);
    // An empty name turns the store off for this host.
    return checkedHelper(helper, `credHelpers[${quote(key)}]`, file);
  }
  return config.credsStore === undefined ? undefined : checkedHelper(config.credsStore, 'credsStore', file);
}

function checkedHelper(name: string, key: string, file: string): string | undefined {
  if (name === '') return undefined;
  // The name becomes a part of a program's name: no path may hide in it.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) {
    throw invalid(file, `"${key}" is not the name of a credential helper: ${quote(name)}`);
  }
  return name;
}

/** `https://host:port/v1/` and `host:port` as `host:port`, in lower case; Docker Hub's names as one. */
function hostOf(key: string): string {
  return normalHost(key.replace(/^https?:\/\//i, '').replace(/\/.*$/s, ''));
}

function normalHost(host: string): string {
  const lower = host.toLowerCase();
  return hubNames.has(lower) ? 'index.docker.io' : lower;
}

function serverNames(host: string): readonly string[] {
  return normalHost(host) === 'index.docker.io' ? [hubServer] : [host, `https://${host}`];
}

function storedFor(config: DockerConfig, host: string, file: string): RegistryCredentials | undefined {
  // The exact key first: a file may hold `host` beside `https://host/v1/`.
  const keys = Object.keys(config.auths).filter((key) => hostOf(key) === normalHost(host));
  const exact = normalHost(host) === 'index.docker.io' ? hubServer : host;
  keys.sort((a, b) => Number(b === exact) - Number(a === exact));
  for (const key of keys) {
    const found = storedEntry(config.auths[key], `auths[${quote(key)}]`, file);
    if (found !== undefined) return found;
  }
  return undefined;
}

function storedEntry(entry: unknown, key: string, file: string): RegistryCredentials | undefined {
  if (entry === null || entry === undefined) return undefined;
  if (!isRecord(entry)) throw invalid(file, `"${key}" is not an object`);
  const field = (name: string): string => {
    const value = entry[name];
    if (value === undefined || value === null) return '';
    if (typeof value !== 'string') throw invalid(file, `"${key}.${name}" is not a string`);
    return value;
  };
  const identityToken = field('identitytoken');
  const [username, password] =
    field('auth') === '' ? [field('username'), field('password')] : decodeAuth(field('auth'), key, file);
  if (identityToken !== '') return {username, password, identityToken};
  return username === '' && password === '' ? undefined : {username, password};
}

/** `auth` is base64 of `username:password`; only the first colon divides. */
function decodeAuth(auth: string, key: string, file: string): readonly [string, string] {
  const remedy = 'Log in to the registry again.';
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(auth.trim())) throw invalid(file, `"${key}.auth" is not base64`, remedy);
  const decoded = Buffer.from(auth.trim(), 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  if (colon < 0) throw invalid(file, `"${key}.auth" does not hold username:password`, remedy);
  return [decoded.slice(0, colon), decoded.slice(colon + 1)];
}
