import {peek} from './peek.js';
import {throughTool} from './through-tool.js';

/** Stream header and the start of the first block (The .xz File Format, 2.1.1 and 3.1). */
const headBytes = 14;

/**
 * Decompressed bytes of an xz file, of all its streams. The package knows no checksum but CRC, and no filter for the code of
 * machines: such a file goes through xz itself. Throws BuildError TOOL_MISSING, and an Error for damaged data.
 */
export async function* unxz(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const {head, all} = await peek(source, headBytes);
  yield* isPlain(head) ? byPackage(all) : throughTool('xz', ['-dcq'], all);
}

function isPlain(head: Uint8Array): boolean {
  const [check = 0, blockHeader = 0, blockFlags = 0] = [head[7], head[12], head[13]];
  // Without a block the index comes next, which begins with a zero.
  const filters = blockHeader === 0 ? 1 : (blockFlags & 3) + 1;
  return [0, 1, 4].includes(check & 15) && filters === 1;
}

async function* byPackage(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // CommonJS whose exports Node cannot tell by name.
  const {XzReadableStream} = (await import('xz-decompress')).default;
  const iterator = source[Symbol.asyncIterator]();
  // Read where it is asked for: a stream of Node's that is turned into one of these goes on, and fails, when its reader has left.
  const input = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    {highWaterMark: 0},
  );
  const reader = new XzReadableStream(input).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
