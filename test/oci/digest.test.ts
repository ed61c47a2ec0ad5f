import test from 'ava';
import {createHasher, digestOf, parseDigest, verifyBytes, verifyStream} from '../../engine/oci/digest.js';

const rejects = test.macro({
  exec(t, text: string) {
    t.throws(() => parseDigest(text), {code: 'DIGEST_INVALID'});
  },
  title: (_, text: string) => `parseDigest rejects ${JSON.stringify(text)}`,
});
for (const text of [
  '',
  'sha256:dead',
  `md5:${'a'.repeat(64)}`,
  `sha256:${'A'.repeat(64)}`,
  ` sha256:${'a'.repeat(64)}`,
  `sha256:${'a'.repeat(64)}\n`,
  `sha256:../${'a'.repeat(61)}`,
]) {
  test(rejects, text);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return chunks;
}

const empty = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('the digest of nothing is the published one, and a hasher in pieces agrees with it at once', (t) => {
  t.is(digestOf(''), parseDigest(empty));
  const hasher = createHasher();
  hasher.update(Buffer.from('ab'));
  hasher.update(Buffer.from('c'));
  t.is(hasher.size, 3);
  t.is(hasher.digest(), digestOf('abc'));
});

test('verifyBytes names what differs', (t) => {
  const expected = {digest: digestOf('abc'), size: 3};
  t.deepEqual(verifyBytes('blob', Buffer.from('abc'), expected), Buffer.from('abc'));
  t.throws(() => verifyBytes('blob', Buffer.from('abd'), expected), {
    code: 'DIGEST_MISMATCH',
    message: /^blob has the digest/,
  });
  t.throws(() => verifyBytes('blob', Buffer.from('abcd'), expected), {
    code: 'DIGEST_MISMATCH',
    message: /4 bytes instead of 3/,
  });
});

test('verifyStream stops at the first byte too many, before the source ends', async (t) => {
  let pulled = 0;
  async function* endless() {
    while (true) {
      pulled++;
      yield await Promise.resolve(Buffer.alloc(10));
    }
  }
  const stream = verifyStream('layer', endless(), {digest: digestOf(''), size: 25});
  await t.throwsAsync(collect(stream), {code: 'DIGEST_MISMATCH', message: /more than the expected 25/});
  t.is(pulled, 3);
});

test('verifyStream passes bytes on and rejects at the end when the digest differs', async (t) => {
  async function* source() {
    yield await Promise.resolve(Buffer.from('ab'));
    yield Buffer.from('c');
  }
  t.deepEqual(Buffer.concat(await collect(verifyStream('x', source(), {digest: digestOf('abc')}))), Buffer.from('abc'));
  await t.throwsAsync(collect(verifyStream('x', source(), {digest: digestOf('abd')})), {
    code: 'DIGEST_MISMATCH',
  });
});
