import {stat} from 'node:fs/promises';
import {BuildError, quote} from '../../base/errors.js';
import {dockerConfigDirectory} from '../../registry/docker-config.js';
import {type DaemonTls, readTls} from './daemon-tls.js';
import {defaultSocketPaths} from './default-sockets.js';
import {currentContext, readContext} from './docker-context.js';

/** Where a daemon listens. `from` says who decided it, for messages: `DOCKER_HOST`, `context "x"`, `default`. */
export type DockerEndpoint =
  | {readonly kind: 'unix'; readonly path: string; readonly from: string}
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls: DaemonTls | undefined;
      readonly from: string;
    }
  /** `socket`: path of the daemon's socket there, undefined for its default. */
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly user: string | undefined;
      readonly port: number | undefined;
      readonly socket: string | undefined;
      readonly from: string;
    };

/** The endpoint as `DOCKER_HOST` would name it. */
export function endpointUrl(endpoint: DockerEndpoint): string {
  switch (endpoint.kind) {
    case 'unix':
      return `unix://${endpoint.path}`;
    case 'tcp':
      return `tcp://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${endpoint.port}`;
    case 'ssh': {
      const user = endpoint.user === undefined ? '' : `${endpoint.user}@`;
      const port = endpoint.port === undefined ? '' : `:${endpoint.port}`;
      return `ssh://${user}${endpoint.host}${port}${endpoint.socket ?? ''}`;
    }
    default:
      throw new Error(`unreachable: ${String(endpoint satisfies never)}`);
  }
}

/**
 * Which daemon the user means, in the order of the docker client: `DOCKER_HOST`, `DOCKER_CONTEXT`, the configuration's
 * `currentContext`. Where nothing is configured, every socket that exists of Docker's and Podman's, for a caller that tries each. No
 * connection is made. Rejects with CONFIG_INVALID, naming the variable or file.
 */
export async function resolveEndpoints(
  environment: ReadonlyMap<string, string>,
  home: string,
  signal: AbortSignal,
): Promise<readonly [DockerEndpoint, ...DockerEndpoint[]]> {
  const directory = dockerConfigDirectory(environment, home);
  const host = environment.get('DOCKER_HOST') ?? '';
  if (host !== '') {
    const tls = await environmentTls(environment, directory, signal);
    return [parseDaemonUrl(host, tls, 'DOCKER_HOST')];
  }
  const context = await currentContext(environment, directory, signal);
  if (context !== undefined) {
    const {host: url, tls} = await readContext(context, directory, signal);
    return [parseDaemonUrl(url, tls, `context ${quote(context)}`)];
  }
  return defaultSockets(environment);
}

/** `unix:///path`, `tcp://host[:port]`, `ssh://[user@]host[:port][/socket]`; without a scheme `tcp`, as docker has it. */
export function parseDaemonUrl(text: string, tls: DaemonTls | undefined, from: string): DockerEndpoint {
  const invalid = (reason: string): BuildError =>
    new BuildError(
      'CONFIG_INVALID',
      `${from}: not the address of a daemon: ${quote(withoutPassword(text))}: ${reason}`,
      {
        remedy: 'Give it as unix:///run/docker.sock, tcp://host:2375 or ssh://user@host.',
      },
    );
  const match = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text.trim());
  const scheme = (match?.[1] ?? 'tcp').toLowerCase();
  const rest = match?.[2] ?? '';
  if (scheme === 'unix') {
    if (!rest.startsWith('/')) throw invalid('the path of the socket must be absolute');
    return {kind: 'unix', path: rest, from};
  }
  if (scheme !== 'tcp' && scheme !== 'http' && scheme !== 'https' && scheme !== 'ssh') {
    throw invalid(`the scheme ${quote(scheme)} is not supported here`);
  }
  // An unknown scheme keeps the host as written and has no default port that would be dropped.
  const url = URL.canParse(`daemon://${rest}`) ? new URL(`daemon://${rest}`) : undefined;
  if (url === undefined || url.hostname === '') throw invalid('a host is missing or malformed');
  if (url.password !== '') throw invalid('a password has no place in it');
  if (url.search !== '' || url.hash !== '') throw invalid('"?" and "#" have no meaning in it');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? undefined : Number(url.port);
  if (scheme === 'ssh') {
    // It becomes an argument of ssh.
    if (host.startsWith('-') || url.username.startsWith('-')) throw invalid('a host or user cannot start with "-"');
    const user = url.username === '' ? undefined : decodeURIComponent(url.username);
    const socket = url.pathname === '' || url.pathname === '/' ? undefined : url.pathname;
    return {kind: 'ssh', host, user, port, socket, from};
  }
  if (url.username !== '') throw invalid('a user has no place in it');
  if (url.pathname !== '' && url.pathname !== '/') throw invalid('a path has no place in it');
  const secured = tls ?? (scheme === 'https' ? {verify: true} : undefined);
  return {kind: 'tcp', host, port: port ?? (secured === undefined ? 2375 : 2376), tls: secured, from};
}

function withoutPassword(text: string): string {
  return text.replace(/(:\/\/[^/@:]*):[^/@]*@/, '$1:***@');
}

/** DOCKER_TLS_VERIFY and DOCKER_TLS count when they are not empty, whatever they say, as in the docker client. */
async function environmentTls(
  environment: ReadonlyMap<string, string>,
  directory: string,
  signal: AbortSignal,
): Promise<DaemonTls | undefined> {
  const verify = (environment.get('DOCKER_TLS_VERIFY') ?? '') !== '';
  if (!verify && (environment.get('DOCKER_TLS') ?? '') === '') return undefined;
  const configured = environment.get('DOCKER_CERT_PATH') ?? '';
  const tls = await readTls(configured === '' ? directory : configured, verify, signal);
  if (configured !== '' && tls.ca === undefined && tls.cert === undefined) {
    throw new BuildError('CONFIG_INVALID', `DOCKER_CERT_PATH: no ca.pem or cert.pem in ${quote(configured)}`, {
      remedy: 'Point it at the directory that holds ca.pem, cert.pem and key.pem.',
    });
  }
  return tls;
}

async function defaultSockets(
  environment: ReadonlyMap<string, string>,
): Promise<readonly [DockerEndpoint, ...DockerEndpoint[]]> {
  const present: DockerEndpoint[] = [];
  for (const path of defaultSocketPaths(environment)) {
    const isSocket = await stat(path).then(
      (found) => found.isSocket(),
      () => false,
    );
    if (isSocket) present.push({kind: 'unix', path, from: 'default'});
  }
  const [first = {kind: 'unix', path: '/var/run/docker.sock', from: 'default'}, ...others] = present;
  return [first, ...others];
}
