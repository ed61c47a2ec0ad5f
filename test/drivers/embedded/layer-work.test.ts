import {linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {createLayerWork} from '../../../engine/drivers/embedded/layer-work.js';
import {createHasher, type Digest} from '../../../engine/oci/digest.js';
import {layerPieces, layerTar} from '../../../engine/snapshot/diff.js';
import {TarChunks} from '../../../engine/snapshot/tar-chunks.js';
import {testStore} from '../../store/stores.js';

/** More than are made without a thread: empty files, some that end with a block, one of several chunks, links of both kinds. */
function tree(t: ExecutionContext, files: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'build-image-test-'));
  t.teardown(() => rmSync(directory, {recursive: true, force: true}));
  for (let index = 0; index < files; index++) {
    mkdirSync(join(directory, `d${index % 7}`), {recursive: true});
    writeFileSync(join(directory, `d${index % 7}`, `ü${index}`), Buffer.alloc((index * 37) % 1025, index));
  }
  writeFileSync(join(directory, 'large'), Buffer.alloc(3 * 1024 * 1024 + 1, 'large'));
  linkSync(join(directory, 'large'), join(directory, 'other'));
  symlinkSync('large', join(directory, 'link'));
  return directory;
}

function digestOf(directory: string): {readonly diffId: Digest; readonly diffSize: number} {
  const hasher = createHasher();
  for (const chunk of layerTar({directory})) hasher.update(chunk);
  return {diffId: hasher.digest(), diffSize: hasher.size};
}

test('layers that a thread reads, several at once, have the digest of their tar', async (t) => {
  const {signal} = new AbortController();
  const work = createLayerWork(testStore(t), signal);
  t.teardown(() => work.close());
  const trees = [401, 900, 3].map((files) => tree(t, files));
  const made = await Promise.all(trees.map((directory) => work.make({diff: {directory}, compression: undefined})));
  t.deepEqual(
    made.map(({diffId, diffSize}) => ({diffId, diffSize})),
    trees.map(digestOf),
  );
  const compressed = await work.make({diff: {directory: trees[0] ?? ''}, compression: 'gzip'});
  t.is<Digest | undefined, Digest | undefined>(compressed.diffId, made[0]?.diffId);
});

test('chunks that are not kept have the same bytes', (t) => {
  const directory = tree(t, 20);
  const hasher = createHasher();
  const chunks = new TarChunks(false);
  for (const piece of layerPieces({directory})) for (const chunk of chunks.add(piece)) hasher.update(chunk);
  for (const chunk of chunks.end()) hasher.update(chunk);
  t.is(hasher.digest(), digestOf(directory).diffId);
});

test.serial('a file that becomes shorter while its layer is read is said, and the next layer is made', async (t) => {
  const {signal} = new AbortController();
  const work = createLayerWork(testStore(t), signal);
  t.teardown(() => work.close());
  const directory = tree(t, 500);
  // Takes the thread so long that all is sent before it comes to the last file.
  writeFileSync(join(directory, 'a'), '');
  truncateSync(join(directory, 'a'), 600 * 1024 * 1024);
  writeFileSync(join(directory, 'zz'), Buffer.alloc(5000));
  const next = tree(t, 500);
  // The thread is there.
  await work.make({diff: {directory: next}, compression: undefined});
  const failing = work.make({diff: {directory}, compression: undefined});
  // One batch is sent each time.
  for (let times = 0; times < 40; times++) await setImmediate();
  truncateSync(join(directory, 'zz'), 10);
  await t.throwsAsync(failing, {code: 'CONTEXT_CHANGED', message: /zz" became shorter/});
  t.is((await work.make({diff: {directory: next}, compression: undefined})).diffId, digestOf(next).diffId);
});

test('a build that is cancelled does not wait for what the thread still reads', async (t) => {
  const controller = new AbortController();
  const work = createLayerWork(testStore(t), controller.signal);
  t.teardown(() => work.close());
  const directory = tree(t, 500);
  writeFileSync(join(directory, 'a'), '');
  truncateSync(join(directory, 'a'), 3 * 1024 * 1024 * 1024);
  const making = work.make({diff: {directory}, compression: undefined});
  for (let times = 0; times < 40; times++) await setImmediate();
  controller.abort(new Error('cancelled'));
  await t.throwsAsync(making, {message: 'cancelled'});
});

test('a build that is cancelled, and one that needs the layer no more, wait for none', async (t) => {
  const controller = new AbortController();
  const work = createLayerWork(testStore(t), controller.signal);
  const making = work.make({diff: {directory: tree(t, 5000)}, compression: undefined});
  void setImmediate().then(() => controller.abort(new Error('cancelled')));
  await t.throwsAsync(making, {message: 'cancelled'});
  await work.close();
  const other = createLayerWork(testStore(t), new AbortController().signal);
  const unwanted = other.make({diff: {directory: tree(t, 5000)}, compression: undefined});
  const ended = t.throwsAsync(unwanted);
  void setImmediate().then(() => other.close());
  await ended;
});
