import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import type {BuildError} from '../../engine/base/errors.js';
import {
  checkLayoutFile,
  layoutEntries,
  parseLayoutIndex,
  renderLayoutFile,
  renderLayoutIndex,
  selectFromLayout,
} from '../../engine/oci/layout.js';
import {mediaTypes} from '../../engine/oci/media-types.js';

const image = (text: string) => ({mediaType: mediaTypes.ociManifest, digest: digestOf(text), size: 1});
const named = (text: string, ...tags: string[]) =>
  layoutEntries(
    image(text),
    tags.map((tag) => ({name: `docker.io/library/app:${tag}`, tag})),
  );

test('the layout file that is written is one that is accepted', (t) => {
  t.notThrows(() => checkLayoutFile(renderLayoutFile()));
  t.throws(() => checkLayoutFile(Buffer.from('{"imageLayoutVersion":"2.0.0"}')), {code: 'OCI_INVALID'});
  t.throws(() => checkLayoutFile(Buffer.from('{}')), {code: 'OCI_INVALID'});
});

test('an index that is written is read back, and its images are found by tag, digest, or as the only one', (t) => {
  const index = parseLayoutIndex(renderLayoutIndex([...named('a', '1', 'latest'), ...named('b', '2')]));
  t.is(selectFromLayout(index, {tag: '2'}, '/x').digest, digestOf('b'));
  t.is(selectFromLayout(index, {}, '/x').digest, digestOf('a'));
  t.is(selectFromLayout(index, {digest: digestOf('b')}, '/x').digest, digestOf('b'));
  t.is(selectFromLayout(parseLayoutIndex(renderLayoutIndex([image('c')])), {}, '/x').digest, digestOf('c'));
});

test('a tag that is not there gets an error with the nearest one', (t) => {
  const index = parseLayoutIndex(renderLayoutIndex([...named('a', 'bookworm'), ...named('b', 'trixie')]));
  const error = t.throws<BuildError>(() => selectFromLayout(index, {tag: 'bokworm'}, '/x'), {code: 'NOT_FOUND'});
  t.regex(error.message, /did you mean "bookworm"/);
  t.throws(() => selectFromLayout(index, {}, '/x'), {code: 'NOT_FOUND'});
});
