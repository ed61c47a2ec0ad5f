import {formatDeb822, type AptSource} from './apt-sources.js';

/** Text as one word of a POSIX shell. */
const shellWord = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

/** Packages that are installed in a build should neither stay in the archive cache nor start services. */
const aptConfiguration = `Acquire::Languages "none";
APT::Keep-Downloaded-Packages "false";
DPkg::Post-Invoke {"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true";};
APT::Update::Post-Invoke {"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true";};
`;

/** A layer is thrown away where its step fails, so syncing every unpacked file to disk buys nothing. */
const dpkgConfiguration = 'force-unsafe-io\n';
const policy = '#!/bin/sh\n# No service starts in a build.\nexit 101\n';

/**
 * Paths that depend on when or where the image is made, or that only repeat what is beside them. Docker and the OCI
 * runtimes bring hostname and resolv.conf of their own.
 */
const removed = [
  '/etc/hostname',
  '/etc/resolv.conf',
  '/etc/.pwd.lock',
  '/etc/passwd-',
  '/etc/group-',
  '/etc/shadow-',
  '/etc/gshadow-',
  '/var/cache/apt/archives/*',
  '/var/cache/apt/*.bin',
  '/var/cache/debconf/*-old',
  '/var/cache/ldconfig/aux-cache',
  '/var/lib/apt/lists/*',
  '/var/lib/dpkg/*-old',
  '/var/lib/dpkg/lock*',
  '/var/lib/dpkg/triggers/Lock',
  '/var/lib/systemd/random-seed',
  '/var/log/*.log',
  '/var/log/apt/*',
];

/** What a slim image does without; licences stay. */
export const slimExcludes: readonly string[] = [
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/locale/*',
  'path-include=/usr/share/locale/locale.alias',
];

/**
 * Shell text that runs outside the new root, with its path as `$1`, once all packages are in: settings for builds, apt
 * sources without credentials, the keys that they name, and the removal of what varies.
 */
export function customizeHook(sources: readonly AptSource[], aptOptions: readonly string[]): string {
  const file = (path: string, content: string, mode = '644') =>
    `mkdir -p "$1${path.slice(0, path.lastIndexOf('/'))}"; printf %s ${shellWord(content)} >"$1${path}"; chmod ${mode} "$1${path}"`;
  const keys = sources
    .flatMap((source) => (source.options.get('Signed-By') ?? '').split(/\s+/))
    .filter((word) => word.startsWith('/'))
    .map((key) => `[ -e "$1"${shellWord(key)} ] || install -D -m 644 ${shellWord(key)} "$1"${shellWord(key)}`);
  return [
    'set -e',
    'rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap',
    file('/etc/apt/sources.list.d/debian.sources', sources.map((source) => formatDeb822(source, true)).join('\n')),
    ...keys,
    file('/etc/apt/apt.conf.d/docker-clean', aptConfiguration),
    // A proxy's password stays on this machine.
    file('/etc/apt/apt.conf.d/90machine', `${aptOptions.filter((option) => !option.includes('@')).join('\n')}\n`),
    file('/etc/dpkg/dpkg.cfg.d/unsafe-io', dpkgConfiguration),
    file('/usr/sbin/policy-rc.d', policy, '755'),
    ...removed.map((path) => `rm -rf "$1"${path}`),
    'for log in btmp wtmp lastlog faillog; do [ ! -e "$1/var/log/$log" ] || : >"$1/var/log/$log"; done',
    '[ ! -e "$1/etc/machine-id" ] || : >"$1/etc/machine-id"',
  ].join('\n');
}
