import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {createReadStream, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import {unxz} from '../../engine/base/unxz.js';
import {unzstd} from '../../engine/base/unzstd.js';
import {temporaryDirectory} from '../helpers/temporary.js';

// Random halves: what is compressed is no smaller, so that it comes in many pieces.
const data = Buffer.concat([randomBytes(300_000), Buffer.alloc(300_000), randomBytes(300_000)]);
const [first, second] = [data.subarray(0, 400_000), data.subarray(400_000)];
const by = (program: string, ...args: readonly string[]) => execFileSync(program, args, {input: data});
const pieces = (bytes: Buffer): Readable =>
  Readable.from(
    Array.from({length: Math.ceil(bytes.length / 10_000)}, (_, at) => bytes.subarray(at * 10_000, (at + 1) * 10_000)),
  );

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

const skippable = Buffer.from('502a4d180400000061626364', 'hex');
for (const [title, read, compressed] of [
  ['xz', unxz, by('xz', '-c')],
  ['xz of several streams', unxz, Buffer.concat([first, second].map((input) => execFileSync('xz', ['-c'], {input})))],
  ['xz without a checksum', unxz, by('xz', '-c', '--check=none')],
  ['xz with SHA-256, which xz itself reads', unxz, by('xz', '-c', '--check=sha256')],
  ['xz with a filter for machine code, which xz itself reads', unxz, by('xz', '-c', '--x86', '--lzma2')],
  ['xz of nothing', unxz, undefined],
  ['zstd', unzstd, by('zstd', '-qc')],
  ['zstd after a skippable frame', unzstd, Buffer.concat([skippable, by('zstd', '-qc')])],
] as const) {
  test(`decompressed: ${title}`, async (t) => {
    const bytes = compressed ?? execFileSync('xz', ['-c'], {input: ''});
    t.true((await all(read(pieces(bytes)))).equals(compressed === undefined ? Buffer.alloc(0) : data));
  });
  if (compressed === undefined) continue;
  test(`cut off: ${title}`, async (t) => {
    await t.throwsAsync(all(read(pieces(compressed.subarray(0, compressed.length / 2)))));
  });
  test(`a reader that leaves early leaves nothing behind: ${title}`, async (t) => {
    const file = join(temporaryDirectory(t), 'data');
    writeFileSync(file, compressed);
    const source = createReadStream(file, {highWaterMark: 4096});
    for await (const part of read(source)) {
      t.true(part.length > 0);
      break;
    }
    // What goes wrong behind a reader that has left ends the process.
    await delay(50);
    source.destroy();
  });
}
