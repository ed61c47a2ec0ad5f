import {writeFileSync} from 'node:fs';
import {isIP} from 'node:net';
import {join} from 'node:path';
import {BuildError, quote} from '../../../base/errors.js';
import {makeDirectories} from '../../../base/make-directories.js';

/** Files of a step that are this program's, not the image's. */
export const networkPaths = {hosts: '/etc/hosts', resolvConf: '/etc/resolv.conf'} as const;

export const defaultHostname = 'buildkitsandbox';

/** `/etc/hosts` of a step, as BuildKit writes it. `extra` are `NAME:IP` or `NAME=IP`. Throws USAGE. */
export function hostsFile(hostname: string, extra: readonly string[]): string {
  const lines = [
    `127.0.0.1\tlocalhost ${hostname}`,
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...extra.map(hostLine),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function hostLine(text: string): string {
  const [, name = '', value = ''] = /^([^:=\s]+)[:=](\S+)$/.exec(text) ?? [];
  const bare = value.replace(/^\[(.*)\]$/, '$1');
  // Steps are in the host's network: it is reached at its own loopback address.
  const address = bare === 'host-gateway' ? '127.0.0.1' : bare;
  if (isIP(address) === 0) {
    throw new BuildError('USAGE', `not a host and its address: ${quote(text)}`, {
      remedy: 'Write it as NAME:IP, for example db:10.0.0.5.',
    });
  }
  return `${address}\t${name}`;
}

/**
 * `/etc/resolv.conf` of a step: the host's. In a network of its own the name servers at loopback addresses are left out,
 * since nothing answers there.
 */
export function resolvConf(host: string, network: 'host' | 'none'): string {
  if (network === 'host') return host;
  const kept = host.split('\n').filter((line) => !/^\s*nameserver\s+(127\.|::1(?:\s|$|%))/.test(line));
  return kept.join('\n');
}

/** An empty file for each of the two, as a tree of its own at `directory`; returns that. */
export function makeNetworkStubs(directory: string): string {
  makeDirectories(join(directory, 'etc'), 0o755);
  for (const path of Object.values(networkPaths)) writeFileSync(join(directory, path), '', {mode: 0o644});
  return directory;
}
