import type {Dispatcher} from 'undici';
import {authorities} from './authorities.js';
import {proxyFor} from './proxies.js';

export interface HttpAgentOptions {
  /** Milliseconds until a connection stands. */
  readonly connectTimeout: number;
  /** Milliseconds without a byte after which a connection counts as lost. */
  readonly idleTimeout: number;
  /** Certificates are not checked, except that of a proxy. */
  readonly insecure?: boolean;
}

/**
 * What HTTP requests are sent by: through the proxies that the environment names, and with the certificates of NODE_EXTRA_CA_CERTS. The
 * caller destroys it.
 */
export async function createHttpAgent(
  {connectTimeout, idleTimeout, insecure = false}: HttpAgentOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Dispatcher> {
  const {Agent, Pool, ProxyAgent} = await import('undici');
  const ca = await authorities();
  const trusted = {timeout: connectTimeout, ...(ca !== undefined && {ca})};
  const tls = {...trusted, rejectUnauthorized: !insecure};
  const limits = {headersTimeout: idleTimeout, bodyTimeout: idleTimeout};
  return new Agent({
    ...limits,
    connect: tls,
    factory: (origin, options: object) => {
      const proxy = proxyFor(new URL(origin), environment);
      if (proxy === undefined) return new Pool(origin, options);
      // Plain requests are handed to the proxy as they are: many a proxy makes tunnels for TLS only.
      return new ProxyAgent({...limits, uri: proxy.href, requestTls: tls, proxyTls: trusted, proxyTunnel: false});
    },
  });
}
