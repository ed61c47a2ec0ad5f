import {randomBytes} from 'node:crypto';
import {gunzipSync} from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import type {BuildError} from '../../engine/base/errors.js';
import {createCompressor} from '../../engine/snapshot/compress.js';
import {decompress} from '../../engine/snapshot/decompress.js';

async function compressed(pieces: readonly Uint8Array[], level?: number): Promise<Buffer> {
  const out: Buffer[] = [];
  for await (const piece of createCompressor('gzip', level).compress(pieces)) out.push(piece);
  return Buffer.concat(out);
}

const mebibyte = 1024 * 1024;

test('gzip gives back what it was given, the same however it is cut, dense, plain or both', async (t) => {
  const kinds = [
    (size: number) => randomBytes(size),
    (size: number) => Buffer.alloc(size, 'some words that come again, '),
    (size: number) => Buffer.alloc(size),
    // Dense, but the same again: what is near is found all the same.
    (size: number) => {
      const part = randomBytes(2048);
      return Buffer.concat(Array.from({length: Math.ceil(size / part.length)}, () => part)).subarray(0, size);
    },
  ];
  const piece = fc.tuple(fc.nat(kinds.length - 1), fc.nat(3 * mebibyte));
  await fc.assert(
    fc.asyncProperty(fc.array(piece, {maxLength: 4}), fc.integer({min: 1, max: 200_000}), async (pieces, cut) => {
      const all = Buffer.concat(pieces.map(([kind, size]) => kinds[kind]?.(size) ?? Buffer.alloc(0)));
      const cuts = Array.from({length: Math.ceil(all.length / cut)}, (_, at) => all.subarray(at * cut, (at + 1) * cut));
      const whole = await compressed([all]);
      t.true(gunzipSync(whole).equals(all));
      t.true((await compressed(cuts)).equals(whole));
    }),
    {numRuns: 20},
  );
});

test('what is dense is stored: hardly more bytes than it has', async (t) => {
  const dense = randomBytes(4 * mebibyte);
  const size = (await compressed([dense])).length;
  t.true(size > dense.length && size < dense.length * 1.001, String(size));
  const again = Buffer.concat(Array.from({length: 2048}, () => dense.subarray(0, 2048)));
  t.true((await compressed([again])).length < again.length / 20);
});

/** A zstd frame (RFC 8878) with a window of 8 MiB and `count` blocks that repeat a byte `size` times: 4 bytes each. */
function repeated(count: number, size: number): Buffer {
  const block = Buffer.from([0, 0, 0, 0x41]);
  block.writeUIntLE((size << 3) | (1 << 1), 0, 3);
  const last = Buffer.from([0x0b, 0, 0, 0x41]);
  return Buffer.concat([Buffer.from('28b52ffd0068', 'hex'), ...Array.from({length: count}, () => block), last]);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes);
}

test.serial('zstd: few bytes that unpack to a gigabyte are never in memory whole', async (t) => {
  const before = process.memoryUsage().arrayBuffers;
  const chunks = decompress(once(repeated(8000, 128 * 1024)), 'zstd', new AbortController().signal);
  const first = await chunks[Symbol.asyncIterator]().next();
  t.is((first.value as Uint8Array).length, 128 * 1024);
  t.true(process.memoryUsage().arrayBuffers - before < 100 * mebibyte);
});

test.serial('zstd: a block larger than the format allows is refused', async (t) => {
  const error = await t.throwsAsync<BuildError>(async () => {
    const chunks = decompress(once(repeated(1, 2 * mebibyte - 1)), 'zstd', new AbortController().signal);
    for await (const chunk of chunks) t.log(chunk.length);
  });
  t.is(error.code, 'ARCHIVE_INVALID');
});
