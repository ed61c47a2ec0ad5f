import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {familiarName, formatReference, parseReference, withDefaultTag} from '../oci/reference.js';
import type {Store} from '../store/store.js';
import {findTags} from '../store/find-tags.js';
import {listTags, removeTag, type Tag, writeTag} from '../store/tags.js';
import {type StoreFlags, withStoreOf} from './store-options.js';
import type {Terminal} from './terminal.js';

/** The tags that a name or the beginning of an ID means, at least one. Throws NOT_FOUND, or USAGE for an ID of several images. */
export function tagsOf(store: Store, text: string): readonly [Tag, ...Tag[]] {
  const [first, ...more] = findTags(store, text);
  if (first !== undefined) return [first, ...more];
  const names = listTags(store.root).map(({reference}) => familiarName(parseReference(reference)));
  throw new BuildError('NOT_FOUND', `the store has no image ${quote(text)}${didYouMean(text, names)}`, {
    remedy: 'build-image images lists those that it has.',
  });
}

/** `build-image tag SOURCE TARGET`: one more name for an image of the store. */
export async function tagCommand(
  [source, target]: readonly [string, string],
  flags: StoreFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const parsed = withDefaultTag(parseReference(target));
  if (parsed.digest !== undefined) throw new BuildError('USAGE', 'an image gets a name with a tag, not a digest');
  const reference = formatReference(parsed);
  const {configDigest} = await withStoreOf(flags, terminal, signal, (store) => {
    const [tag] = tagsOf(store, source);
    writeTag(store, {...tag, reference, created: new Date().toISOString()});
    return tag;
  });
  if (flags.json === true) terminal.answer(`${JSON.stringify({tagged: reference, configDigest}, null, 2)}\n`);
  return 0;
}

/** `build-image rmi NAME…`: takes names away, of an ID all of them. What no name needs any more goes with the next prune. */
export async function removeCommand(
  names: readonly string[],
  flags: StoreFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const removed = await withStoreOf(flags, terminal, signal, (store) => {
    const tags = names.flatMap((name) => tagsOf(store, name));
    return tags.filter(({reference}) => removeTag(store, reference)).map(({reference}) => reference);
  });
  if (flags.json === true) terminal.answer(`${JSON.stringify({untagged: removed}, null, 2)}\n`);
  else for (const name of removed) terminal.answer(`untagged  ${familiarName(parseReference(name))}\n`);
  return 0;
}
