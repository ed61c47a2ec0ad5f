import {BuildError, quote} from '../base/errors.js';
import {isLoopback} from '../base/loopback.js';

/** One address under which a repository is looked for. */
export interface Endpoint {
  /** `https://host:port`, for a mirror with its path; no slash at the end. */
  readonly base: string;
  /** Whose credentials are asked for and sent: the host of `base`, never the one it mirrors. */
  readonly host: string;
  /** Certificates are not checked. */
  readonly insecure: boolean;
  readonly mirror: boolean;
}

export interface EndpointOptions {
  /** `host[:port]` that may be spoken to without a verified certificate, or without TLS. Loopback always may. */
  readonly insecure?: readonly string[];
  /** Mirrors by domain (`docker.io`), in the order in which they are asked: `[http[s]://]host[:port][/path]`. */
  readonly mirrors?: ReadonlyMap<string, readonly string[]>;
}

const hubRegistry = 'registry-1.docker.io';
const hubCredentials = 'index.docker.io';

/** Where an image of `domain` is looked for, in order: mirrors first. Throws CONFIG_INVALID for a mirror that is no URL. */
export function endpointsOf(domain: string, options: EndpointOptions): readonly Endpoint[] {
  const mirrors = (options.mirrors?.get(domain) ?? []).flatMap((mirror) => mirrorEndpoints(mirror, options));
  if (domain === 'docker.io') {
    return [...mirrors, {base: `https://${hubRegistry}`, host: hubCredentials, insecure: false, mirror: false}];
  }
  return [...mirrors, ...hostEndpoints(domain, '', false, options)];
}

function mirrorEndpoints(mirror: string, options: EndpointOptions): readonly Endpoint[] {
  const withScheme = /^https?:\/\//i.test(mirror);
  let url: URL;
  try {
    url = new URL(withScheme ? mirror : `https://${mirror}`);
  } catch (error) {
    throw new BuildError('CONFIG_INVALID', `not the address of a registry mirror: ${quote(mirror)}`, {cause: error});
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    // The address is not quoted: what is wrong with it may be a password.
    throw new BuildError(
      'CONFIG_INVALID',
      `the address of the registry mirror ${url.host} has more than host and path`,
      {
        remedy: 'Store credentials with `docker login`, and give only [https://]HOST[:PORT][/PATH].',
      },
    );
  }
  const path = url.pathname.replace(/\/+$/, '');
  if (!withScheme) return hostEndpoints(url.host, path, true, options);
  const insecure = mayBeInsecure(url.host, options);
  return [{base: `${url.protocol}//${url.host}${path}`, host: url.host, insecure, mirror: true}];
}

function hostEndpoints(host: string, path: string, mirror: boolean, options: EndpointOptions): readonly Endpoint[] {
  const at = (scheme: string, insecure: boolean) => ({base: `${scheme}://${host}${path}`, host, insecure, mirror});
  // What listens on loopback is most often without TLS; elsewhere TLS, even unverified, is tried before plain text.
  if (isLoopback(host)) return [at('http', true), at('https', true)];
  if (mayBeInsecure(host, options)) return [at('https', true), at('http', true)];
  return [at('https', false)];
}

function mayBeInsecure(host: string, {insecure = []}: EndpointOptions): boolean {
  return isLoopback(host) || insecure.some((entry) => entry.toLowerCase() === host.toLowerCase());
}
