import {BuildError} from '../base/errors.js';
import type {Descriptor, Index} from './manifest.js';
import {formatPlatform, normalisePlatform, type Platform} from './platform.js';

const armVariants = ['v8', 'v7', 'v6', 'v5'];

/**
 * What runs on `platform`, best first, by containerd's rules (platforms, `Only`): lower variants of the same architecture,
 * 386 on amd64, arm on arm64.
 */
export function compatiblePlatforms(platform: Platform): readonly Platform[] {
  const {os, architecture, variant} = platform;
  if (architecture === 'amd64') {
    const level = /^v([0-9])$/.exec(variant ?? '')?.[1];
    const lower = level === undefined ? [] : Array.from({length: Number(level) - 1}, (_, n) => Number(level) - 1 - n);
    const levels = lower.map((n) => (n === 1 ? {os, architecture} : {os, architecture, variant: `v${n}`}));
    return [platform, ...levels, {os, architecture: '386'}];
  }
  if (architecture === 'arm') {
    return [platform, ...armBelow(variant ?? 'v7').map((v) => ({os, architecture, variant: v}))];
  }
  if (architecture === 'arm64') {
    const arm = ['v8', ...armBelow('v8')].map((v) => ({os, architecture: 'arm', variant: v}));
    const plain = variant === undefined ? [] : [{os, architecture}];
    return [platform, ...plain, ...arm];
  }
  return [platform];
}

function armBelow(variant: string): readonly string[] {
  const at = armVariants.indexOf(variant);
  return at === -1 ? [] : armVariants.slice(at + 1);
}

/**
 * The descriptor for `platform`; one that names no platform is the last resort. Where two are equally good the first
 * wins. Throws BuildError NOT_FOUND with what the index has; `name` is the image as the user wrote it.
 */
export function selectManifest(index: Index, platform: Platform, name: string): Descriptor {
  const wanted = compatiblePlatforms(platform).map(formatPlatform);
  let best: Descriptor | undefined;
  let bestRank = Infinity;
  for (const descriptor of index.manifests) {
    const rank = rankOf(descriptor, wanted);
    if (rank < bestRank) {
      best = descriptor;
      bestRank = rank;
    }
  }
  if (best !== undefined) return best;
  const has = platformsOf(index);
  throw new BuildError('NOT_FOUND', `${name} has no image for ${formatPlatform(platform)}`, {
    remedy: has.length === 0 ? 'Its index is empty.' : `It has: ${has.join(', ')}. Choose one with --platform.`,
  });
}

function rankOf(descriptor: Descriptor, wanted: readonly string[]): number {
  if (descriptor.platform === undefined) return wanted.length;
  const {os, architecture, variant} = descriptor.platform;
  const rank = wanted.indexOf(formatPlatform(normalisePlatform(os, architecture, variant)));
  return rank === -1 ? Infinity : rank;
}

/** The platforms of an index without attestations (`unknown/unknown`), as text, without duplicates. */
export function platformsOf(index: Index): readonly string[] {
  const all = index.manifests.flatMap(({platform}) => (platform === undefined ? [] : [formatPlatform(platform)]));
  return [...new Set(all)].filter((text) => !text.startsWith('unknown/'));
}
