import {readdirSync, statSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {listTags, readTag, removeTag, type Tag, tagPath, writeTag} from '../../engine/store/tags.js';
import {testStore} from './stores.js';

const tagOf = (reference: string, content = 'image'): Tag => ({
  reference,
  manifestDigest: digestOf(content),
  configDigest: digestOf(`${content} config`),
  platform: {os: 'linux', architecture: 'arm', variant: 'v7'},
  created: '2026-01-01T00:00:00.000Z',
  snapshots: ['00000000-000001'],
});

const references = [
  'docker.io/library/debian:12',
  'localhost:5000/a/b/c:x',
  `docker.io/${'a/'.repeat(120)}a:latest`,
  `docker.io/${'a/'.repeat(120)}b:latest`,
  `docker.io/library/a@${digestOf('a')}`,
  '[::1]:5000/x:y',
];
for (const [index, reference] of references.entries()) {
  test(`tag ${index}, ${reference.slice(0, 40)}, is one file, and read back`, (t) => {
    const store = testStore(t);
    writeTag(store, tagOf(reference));
    t.deepEqual(readTag(store, reference), tagOf(reference));
    t.is(readdirSync(join(store.root, 'tags')).length, 1);
    t.true(removeTag(store, reference));
    t.false(removeTag(store, reference));
    t.is(readTag(store, reference), undefined);
  });
}

test('tags are listed by name, and files that are none are passed over', (t) => {
  const store = testStore(t);
  for (const reference of references) writeTag(store, tagOf(reference));
  writeFileSync(tagPath(store.root, 'docker.io/library/broken:1'), '{"version":1');
  writeFileSync(
    tagPath(store.root, 'docker.io/library/foreign:1'),
    JSON.stringify({version: 1, ...tagOf('x'), snapshots: ['/']}),
  );
  t.deepEqual(
    listTags(store.root).map(({reference}) => reference),
    references.toSorted(),
  );
  t.is(readTag(store, 'docker.io/library/broken:1'), undefined);
});

test('a tag moves to another image, and the same one again is not written', (t) => {
  const store = testStore(t);
  const [reference = ''] = references;
  writeTag(store, tagOf(reference));
  writeTag(store, tagOf(reference, 'other'));
  t.is(readTag(store, reference)?.manifestDigest, digestOf('other'));
  const path = tagPath(store.root, reference);
  utimesSync(path, 1000, 1000);
  writeTag(store, {...tagOf(reference, 'other'), created: '2027-01-01T00:00:00.000Z'});
  t.is(statSync(path).mtimeMs, 1_000_000);
});
