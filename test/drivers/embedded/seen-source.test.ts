import {chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {byteString} from '../../../engine/drivers/embedded/files/byte-path.js';
import {entryDigest} from '../../../engine/drivers/embedded/files/digests.js';
import {isDirectory} from '../../../engine/drivers/embedded/files/file-stats.js';
import {type SeenSource, seenSource} from '../../../engine/drivers/embedded/files/seen-source.js';
import {rawTree} from '../../../engine/drivers/embedded/files/source-tree.js';

const changes: Readonly<Record<string, (root: string) => void>> = {
  'a file that is written to, with its time set back': (root) => {
    writeFileSync(join(root, 'd/f'), 'two');
    utimesSync(join(root, 'd/f'), 1, 1);
  },
  'a file that grows': (root) => writeFileSync(join(root, 'd/f'), 'longer'),
  'another file that takes its name': (root) => renameSync(join(root, 'd/g'), join(root, 'd/f')),
  'another mode': (root) => chmodSync(join(root, 'd/f'), 0o600),
  'a new file': (root) => writeFileSync(join(root, 'd/new'), ''),
  'a new file in an empty directory': (root) => writeFileSync(join(root, 'e/new'), ''),
  'a file that is gone': (root) => rmSync(join(root, 'd/g')),
  'a file that was looked for and was not there': (root) => writeFileSync(join(root, 'missing'), ''),
  'a link that leads elsewhere': (root) => {
    rmSync(join(root, 'd/link'));
    symlinkSync('g', join(root, 'd/link'));
  },
};

function context(t: ExecutionContext): string {
  const root = mkdtempSync(join(tmpdir(), 'build-image-test-'));
  t.teardown(() => rmSync(root, {recursive: true, force: true}));
  mkdirSync(join(root, 'd'));
  mkdirSync(join(root, 'e'));
  writeFileSync(join(root, 'd/f'), 'one');
  writeFileSync(join(root, 'd/g'), 'one');
  symlinkSync('f', join(root, 'd/link'));
  return root;
}

/** Looks at all of it, as a step does that makes its key. */
function see(root: string): SeenSource {
  const seen = seenSource(rawTree(byteString(root)));
  for (const path of ['', 'd', 'e', 'd/f', 'd/g', 'd/link', 'missing']) {
    const stats = seen.lookup(path);
    if (stats !== undefined && isDirectory(stats)) seen.children(path);
    else if (stats !== undefined) seen.digested(path, entryDigest(seen, path, stats));
  }
  return seen;
}

const isSame = (seen: SeenSource): boolean => seen.isSame((path, stats) => entryDigest(seen, path, stats));

for (const [age, wait] of [
  ['old', 2500],
  ['written just now', 0],
] as const) {
  test(`what was seen of files that are ${age} is the same where nothing happened`, async (t) => {
    const root = context(t);
    await sleep(wait);
    const seen = see(root);
    t.true(isSame(seen));
    t.false(isSame(seen), 'asked once');
  });
  for (const [name, change] of Object.entries(changes)) {
    test(`it is not, with files that are ${age}, after ${name}`, async (t) => {
      const root = context(t);
      await sleep(wait);
      const seen = see(root);
      change(root);
      t.false(isSame(seen));
    });
  }
}

test('what was compared already is not looked at again; one that differed is told', async (t) => {
  const root = context(t);
  await sleep(2500);
  const [first, second] = [see(root), see(root)];
  for (const seen of [first, second]) seen.compared('d/f');
  writeFileSync(join(root, 'd/f'), 'two');
  second.doubted();
  t.true(isSame(first));
  t.false(isSame(second));
});

test('what was seen is answered again until it is asked whether it is the same', (t) => {
  const root = context(t);
  const seen = see(root);
  writeFileSync(join(root, 'd/f'), 'longer');
  writeFileSync(join(root, 'd/new'), '');
  t.is(seen.lookup('d/f')?.size, 3n);
  t.deepEqual(seen.children('d'), ['f', 'g', 'link']);
  t.false(isSame(seen));
  t.is(seen.lookup('d/f')?.size, 6n);
});
