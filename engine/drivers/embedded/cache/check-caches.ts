import {BuildError, quote} from '../../../base/errors.js';
import {didYouMean} from '../../../base/nearest.js';
import {parseReference} from '../../../oci/reference.js';
import type {CacheSpec} from '../../driver.js';

export type CacheDirection = 'from' | 'to';

const writing = ['mode', 'compression', 'compression-level', 'force-compression', 'oci-mediatypes', 'ignore-error'];
const known: Readonly<Record<CacheDirection, Readonly<Record<string, readonly string[]>>>> = {
  from: {registry: ['ref'], local: ['src', 'tag', 'digest']},
  to: {
    registry: ['ref', 'image-manifest', ...writing],
    local: ['dest', 'tag', 'image-manifest', ...writing],
    inline: ['mode'],
  },
};

/** Throws USAGE, or REFERENCE_INVALID, where a cache is not one that the embedded engine reads or writes. */
export function checkCaches(specs: readonly CacheSpec[], direction: CacheDirection): void {
  for (const spec of specs) checkCache(spec, direction);
}

function checkCache({type, attributes}: CacheSpec, direction: CacheDirection): void {
  const flag = `--cache-${direction}`;
  const types = known[direction];
  const keys = Object.hasOwn(types, type) ? types[type] : undefined;
  if (keys === undefined) {
    throw new BuildError('USAGE', `${flag} has no type ${quote(type)}${didYouMean(type, Object.keys(types))}`, {
      remedy: `The embedded engine has ${Object.keys(types).join(', ')}; with --driver docker, what the daemon has.`,
    });
  }
  for (const key of Object.keys(attributes)) {
    if (!keys.includes(key)) {
      throw new BuildError('USAGE', `${flag} type=${type} has no attribute ${quote(key)}${didYouMean(key, keys)}`, {
        remedy: `It has ${keys.join(', ')}.`,
      });
    }
  }
  const [needed] = keys;
  if (type !== 'inline' && needed !== undefined && (attributes[needed] ?? '') === '') {
    const example = type === 'registry' ? 'ref=registry.example.org/app:cache' : `${needed}=DIR`;
    throw new BuildError('USAGE', `${flag} type=${type} needs ${needed}=…`, {
      remedy: `For example ${flag} type=${type},${example}.`,
    });
  }
  if (type === 'registry') parseReference(attributes['ref'] ?? '');
  const mode = attributes['mode'];
  if (mode !== undefined && mode !== 'min' && mode !== 'max') {
    throw new BuildError('USAGE', `the mode of a cache is min or max, not ${quote(mode)}`, {
      remedy: 'min has the steps of the image itself, max those of every stage.',
    });
  }
  if (type === 'inline' && mode === 'max') {
    throw new BuildError('USAGE', 'an inline cache has the layers of the image only: its mode is min', {
      remedy: `For every stage use ${flag} type=registry,ref=…,mode=max.`,
    });
  }
}

/** How a cache is called in messages. */
export function cacheName({type, attributes}: CacheSpec): string {
  return attributes['ref'] ?? attributes['src'] ?? attributes['dest'] ?? type;
}
