import {writeFileSync} from 'node:fs';
import {once} from 'node:events';
import {Worker} from 'node:worker_threads';
import test from 'ava';
import fc from 'fast-check';
import {digestOf} from '../../engine/oci/digest.js';
import {openBlobWriter} from '../../engine/store/blob-writer.js';
import {blobPath, hasBlob, readBlob, readBlobBytes, readBlobFrom, writeBlob} from '../../engine/store/blobs.js';
import {openStore} from '../../engine/store/open.js';
import {shareStore} from '../../engine/store/store.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {chunks, filesBelow, testStore} from './stores.js';

async function contentOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts).toString();
}
const half = (root: string) => filesBelow(root).filter((file) => /^(tmp|blobs|trash)/.test(file));

test('a blob is read back as it was written, under its digest', async (t) => {
  const store = testStore(t);
  const blob = await writeBlob(store, chunks('hel', '', 'lo'));
  t.deepEqual(blob, {digest: digestOf('hello'), size: 5});
  t.true(hasBlob(store, blob.digest));
  t.is(await contentOf(readBlob(store, blob.digest)), 'hello');
  t.is(readBlobBytes(store, blob.digest, 5).toString(), 'hello');
  t.deepEqual(half(store.root), [`blobs/sha256/${blob.digest.slice(7)}`]);
});

test('an empty blob is a blob', async (t) => {
  const store = testStore(t);
  const {digest} = await writeBlob(store, chunks());
  t.is(await contentOf(readBlob(store, digest)), '');
});

test('any pieces make the blob of their sum, by either writer', async (t) => {
  const store = testStore(t);
  await t.notThrowsAsync(async () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({maxLength: 300}), {maxLength: 8}), async (parts) => {
        const whole = Buffer.concat(parts);
        const writer = openBlobWriter(store);
        for (const part of parts) writer.write(part);
        const sync = writer.finish();
        const {digest, size} = await writeBlob(store, chunks(...parts));
        return digest === digestOf(whole) && size === whole.length && sync.digest === digest && sync.size === size;
      }),
      {numRuns: 40},
    ),
  );
});

const refuses = test.macro({
  async exec(t, source: () => AsyncIterable<Uint8Array>, expected: {digest?: string; size?: number}, code: string) {
    const store = testStore(t);
    const digest = digestOf(expected.digest ?? 'hello');
    const {size} = expected;
    await t.throwsAsync(writeBlob(store, source(), {digest, ...(size !== undefined && {size})}), {code});
    t.deepEqual(half(store.root), []);
  },
  title: (name) => `${name ?? ''} is refused and leaves nothing`,
});
test('other content', refuses, () => chunks('hullo'), {size: 5}, 'DIGEST_MISMATCH');
test('too little content', refuses, () => chunks('hell'), {size: 5}, 'DIGEST_MISMATCH');
test('content without end', refuses, () => endless(), {size: 5}, 'DIGEST_MISMATCH');
test('a source that fails', refuses, () => failing(), {}, 'ECONNRESET');

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield* chunks('hello');
}
async function* failing(): AsyncGenerator<Uint8Array> {
  yield* chunks('he');
  throw Object.assign(new Error('reset'), {code: 'ECONNRESET'});
}

test('an abort ends the writing with its reason and leaves nothing', async (t) => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const store = openStore(temporaryDirectory(t), controller.signal);
  const source = async function* () {
    yield* chunks('a');
    controller.abort(reason);
    yield* chunks('b');
  };
  t.is(await t.throwsAsync(writeBlob(store, source())), reason);
  t.deepEqual(half(store.root), []);
});

test('a blob that is there is not written again', async (t) => {
  const store = testStore(t);
  const {digest} = await writeBlob(store, chunks('hello'));
  const source = async function* () {
    yield* chunks('never read');
    t.fail();
  };
  t.deepEqual(await writeBlob(store, source(), {digest, size: 5}), {digest, size: 5});
});

test('a damaged blob is told while it is read, and is then gone', async (t) => {
  const store = testStore(t);
  const {digest} = await writeBlob(store, chunks('hello'));
  writeFileSync(blobPath(store, digest), 'hallo');
  const error = await t.throwsAsync(contentOf(readBlob(store, digest)), {code: 'STORE_CORRUPT'});
  t.regex(error.message, /damaged/);
  t.false(hasBlob(store, digest));
  await writeBlob(store, chunks('hello'));
  writeFileSync(blobPath(store, digest), 'hell');
  t.throws(() => readBlobBytes(store, digest, 100), {code: 'STORE_CORRUPT'});
  await t.throwsAsync(contentOf(readBlob(store, digest)), {code: 'NOT_FOUND'});
});

test('a damaged blob is made whole by whoever makes it again', async (t) => {
  const store = testStore(t);
  const {digest} = await writeBlob(store, chunks('hello'));
  writeFileSync(blobPath(store, digest), 'hallo');
  await writeBlob(store, chunks('hel', 'lo'));
  t.is(await contentOf(readBlob(store, digest)), 'hello');
});

test('a blob that is sent whole is verified, so that a damaged one is not sent for ever', async (t) => {
  const store = testStore(t);
  const {digest} = await writeBlob(store, chunks('hello'));
  t.is(await contentOf(readBlobFrom(store, digest, 0)), 'hello');
  t.is(await contentOf(readBlobFrom(store, digest, 3)), 'lo');
  writeFileSync(blobPath(store, digest), 'hallo');
  await t.throwsAsync(contentOf(readBlobFrom(store, digest, 0)), {code: 'STORE_CORRUPT'});
  for (const offset of [0, 3]) {
    await t.throwsAsync(contentOf(readBlobFrom(store, digest, offset)), {code: 'NOT_FOUND'});
  }
});

test('the same blob may be written twice at once', async (t) => {
  const store = testStore(t);
  const blobs = await Promise.all(Array.from({length: 10}, () => writeBlob(store, chunks('a', 'b'))));
  t.is(new Set(blobs.map(({digest}) => digest)).size, 1);
  t.is(half(store.root).length, 1);
});

test('a discarded writer leaves nothing, and a finished one its blob', (t) => {
  const store = testStore(t);
  const discarded = openBlobWriter(store);
  discarded.write(Buffer.from('x'));
  discarded.discard();
  discarded.discard();
  t.throws(() => discarded.write(Buffer.from('y')));
  t.deepEqual(half(store.root), []);
  const wrong = openBlobWriter(store);
  t.throws(() => wrong.finish({digest: digestOf('z')}), {code: 'DIGEST_MISMATCH'});
  t.deepEqual(half(store.root), []);
  const writer = openBlobWriter(store);
  writer.finish();
  writer.discard();
  t.true(hasBlob(store, digestOf('')));
});

test('a worker thread writes under the lease of its process', async (t) => {
  const store = testStore(t);
  const code = `
    const {workerData, parentPort} = require('node:worker_threads');
    Promise.all(['store', 'blob-writer', 'open'].map((name) => import(workerData.base + name + '.js'))).then(([s, b, o]) => {
      const store = s.attachStore(workerData.shared, new AbortController().signal);
      const writer = b.openBlobWriter(store);
      writer.write(Buffer.from('from a worker'));
      parentPort.postMessage(writer.finish());
      o.closeStore(store);
    });`;
  const base = new URL('../../engine/store/', import.meta.url).href;
  const worker = new Worker(code, {eval: true, workerData: {base, shared: shareStore(store)}});
  const [blob] = (await once(worker, 'message')) as [unknown];
  t.deepEqual(blob, {digest: digestOf('from a worker'), size: 13});
  await once(worker, 'exit');
  t.true(filesBelow(store.root).includes(`leases/${store.lease.name}`));
});
