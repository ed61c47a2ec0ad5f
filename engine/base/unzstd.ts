/** Compressed bytes that are unpacked at once: of nothing but repeated bytes, which is four for a block, they give 32 MiB. */
const stepBytes = 1024;
/** RFC 8878, Block_Maximum_Size. */
const mostOfBlock = 128 * 1024;

/**
 * Decompressed bytes of zstd data, of all its frames. fzstd refuses windows over 32 MiB: memory stays bounded. Throws an Error
 * for damaged data, none at all included.
 */
export async function* unzstd(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const {Decompress} = await import('fzstd');
  let ready: Uint8Array[] = [];
  const stream = new Decompress((block) => {
    if (block.length > mostOfBlock) throw new Error('a block is too large');
    ready.push(block);
  });
  let some = false;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += stepBytes) {
      some = true;
      stream.push(chunk.subarray(at, at + stepBytes), false);
      if (ready.length === 0) continue;
      yield* ready;
      ready = [];
    }
  }
  if (!some) throw new Error('it is empty');
  stream.push(new Uint8Array(0), true);
  yield* ready;
}
