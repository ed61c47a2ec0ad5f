import {BuildError, quote} from '../base/errors.js';
import {hexOf} from '../oci/digest.js';
import {normalReference} from '../oci/reference.js';
import type {Store} from './store.js';
import {listTags, readTag, type Tag} from './tags.js';

/**
 * The tags of the image that `text` means: the one of that name, else every one of the image whose ID or digest begins with it (six
 * hex digits at least). Empty where there is none. Throws BuildError USAGE where several images begin so.
 */
export function findTags(store: Store, text: string): readonly Tag[] {
  const name = normalReference(text);
  const named = name === undefined ? undefined : readTag(store, name);
  if (named !== undefined) return [named];
  const hex = /^(?:sha256:)?([0-9a-f]{6,64})$/.exec(text)?.[1];
  if (hex === undefined) return [];
  const found = listTags(store.root).filter(({configDigest, manifestDigest}) =>
    [configDigest, manifestDigest].some((digest) => hexOf(digest).startsWith(hex)),
  );
  if (new Set(found.map(({configDigest}) => configDigest)).size < 2) return found;
  throw new BuildError('USAGE', `the IDs of several images begin with ${quote(text)}`, {
    remedy: 'Give more of its digits, or the name of the image.',
  });
}
