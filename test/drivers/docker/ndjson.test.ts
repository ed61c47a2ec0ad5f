import test from 'ava';
import fc from 'fast-check';
import {ndjson} from '../../../engine/drivers/docker/classic/ndjson.js';

async function read(...chunks: readonly Uint8Array[]): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const message of ndjson(
    (async function* () {
      for (const chunk of chunks) yield await Promise.resolve(chunk);
    })(),
  )) {
    found.push(message);
  }
  return found;
}

test('messages are the same however the stream is cut', async (t) => {
  const message = fc.record({stream: fc.string({unit: 'grapheme'})});
  await fc.assert(
    fc.asyncProperty(fc.array(message), fc.integer({min: 1, max: 7}), async (messages, size) => {
      const bytes = Buffer.from(messages.map((one) => JSON.stringify(one)).join('\r\n'));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      t.deepEqual(await read(...chunks), messages);
    }),
    {numRuns: 100},
  );
});

for (const text of ['nonsense\n', '[1]\n', '3', '{"a":']) {
  test(`${JSON.stringify(text)} is no message of a daemon`, async (t) => {
    await t.throwsAsync(read(Buffer.from(text)), {code: 'DAEMON_FAILED'});
  });
}
