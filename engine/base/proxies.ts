import {BlockList, isIP} from 'node:net';
import {BuildError} from './errors.js';
import {isLoopback} from './loopback.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that requests to `url` go through: `http_proxy` or `https_proxy` by its scheme, unless `no_proxy` names its host; each of them in
 * capitals, too. As with docker none is asked for what is on loopback. Throws CONFIG_INVALID for one that is no URL.
 */
export function proxyFor(url: URL, environment: Environment): URL | undefined {
  const name = `${url.protocol.slice(0, -1)}_proxy`;
  const value = valueOf(environment, name);
  if (value === '' || isLoopback(url.host) || isExcluded(url, valueOf(environment, 'no_proxy'))) return undefined;
  try {
    return new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  } catch {
    // The value is not quoted: it may hold a password.
    throw new BuildError('CONFIG_INVALID', `${name} is not the address of a proxy`, {
      remedy: 'Give it as http://HOST:PORT, or unset it.',
    });
  }
}

function valueOf(environment: Environment, name: string): string {
  return (environment[name] ?? environment[name.toUpperCase()] ?? '').trim();
}

function isExcluded(url: URL, list: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry === '*' || (entry !== '' && names(entry, host, port)));
}

/** An entry is a domain, which stands for those below it too, an address, or a range of addresses; perhaps with a port. */
function names(entry: string, host: string, port: string): boolean {
  const [, place = entry, wanted = port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
  if (wanted !== port) return false;
  const [, network = '', bits = ''] = /^(.+)\/(\d{1,3})$/.exec(place) ?? [];
  if (network !== '') return isWithin(host, network, Number(bits));
  const name = place.replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
  return host === name || host.endsWith(`.${name}`);
}

function isWithin(host: string, network: string, bits: number): boolean {
  const version = isIP(network);
  if (version === 0 || isIP(host) !== version || bits > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  const range = new BlockList();
  range.addSubnet(network, bits, family);
  return range.check(host, family);
}
