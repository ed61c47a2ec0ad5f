import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';

/** `os/architecture[/variant]` (OCI image-spec, image-index: platform object), normalised as containerd does. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

// Maps, for what is looked up comes from outside: `constructor` is a key of every object.
const architectureAliases: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['i386', ['386']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
]);
const systemAliases: ReadonlyMap<string, string> = new Map([['macos', 'darwin']]);
/** Node's names that are not Go's; its builds for POWER and MIPS are little-endian. */
const nodeArchitectures: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
  ['ppc64', 'ppc64le'],
  ['mipsel', 'mipsle'],
]);

/** Architectures that a platform of one word may name: they are Linux's then. */
const architectures = new Set([
  'amd64',
  '386',
  'arm',
  'arm64',
  'ppc64le',
  'ppc64',
  's390x',
  'riscv64',
  'mips64le',
  'loong64',
]);

/** Operating systems that it may name: on this machine's architecture then. */
const systems = new Set(['linux', 'windows', 'darwin', 'macos', 'freebsd', 'netbsd', 'openbsd', 'plan9', 'solaris']);

const remedy = 'A platform is os/architecture[/variant], such as linux/amd64 or linux/arm64/v8.';

/** Throws BuildError PLATFORM_INVALID. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new BuildError('PLATFORM_INVALID', `not a platform: ${quote(text)}`, {remedy});
  }
  const [first = '', second, third] = parts;
  if (second === undefined) {
    const [architecture] = architectureAliases.get(first) ?? [first];
    if (architectures.has(architecture)) return normalisePlatform('linux', first, undefined);
    if (systems.has(first)) return {...hostPlatform(), os: systemAliases.get(first) ?? first};
    const near = didYouMean(first, [...architectures, ...systems]);
    throw new BuildError('PLATFORM_INVALID', `no operating system or architecture is called ${quote(text)}${near}`, {
      remedy,
    });
  }
  return normalisePlatform(first, second, third);
}

/** One name for each platform (containerd, platforms: Normalize): `x86_64` is amd64, arm64/v8 is arm64, arm is arm/v7. */
export function normalisePlatform(os: string, given: string, givenVariant: string | undefined): Platform {
  const [architecture, implied] = architectureAliases.get(given) ?? [given];
  let variant = givenVariant ?? implied;
  if (architecture === 'arm')
    variant = variant === undefined ? 'v7' : variant.startsWith('v') ? variant : `v${variant}`;
  // arm64/v8 and amd64/v1 are the plain architectures.
  if (
    (architecture === 'arm64' && (variant === 'v8' || variant === '8')) ||
    (architecture === 'amd64' && variant === 'v1')
  ) {
    variant = undefined;
  }
  return {os: systemAliases.get(os) ?? os, architecture, ...(variant === undefined ? {} : {variant})};
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/');
}

/** The platform that images run on here: always Linux. */
export function hostPlatform(): Platform {
  return normalisePlatform('linux', nodeArchitectures.get(process.arch) ?? process.arch, undefined);
}

export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(a) === formatPlatform(b);
}
