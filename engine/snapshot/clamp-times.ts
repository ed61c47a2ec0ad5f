import type {TarEntry} from './tar-entry.js';
import {TarReader} from './tar-reader.js';
import {endOfArchive, headerBlocks, paddingOf} from './tar-writer.js';

/**
 * The layer with every time after `epoch` (seconds since 1970) set to it, as `rewrite-timestamp` asks: an uncompressed tar in,
 * one out, the same bytes for the same entries whoever wrote the input. Throws ARCHIVE_INVALID.
 */
export async function* clampTimes(
  source: AsyncIterable<Uint8Array>,
  epoch: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let ready: Uint8Array[] = [];
  let current: {readonly entry: TarEntry; at: number} | undefined;
  const zeros = (count: number): void => {
    // A hole of a sparse file.
    for (let left = count; left > 0; left -= 65_536) ready.push(Buffer.alloc(Math.min(left, 65_536)));
  };
  const handler = {
    entry(entry: TarEntry): void {
      const {seconds, nanoseconds} = entry.mtime;
      const later = seconds > epoch || (seconds === epoch && nanoseconds > 0);
      ready.push(headerBlocks(later ? {...entry, mtime: {seconds: epoch, nanoseconds: 0}} : entry));
      current = {entry, at: 0};
    },
    data(chunk: Buffer, offset: number): void {
      if (current === undefined) return;
      zeros(offset - current.at);
      ready.push(Buffer.from(chunk));
      current.at = offset + chunk.length;
    },
    end(): void {
      if (current === undefined) return;
      zeros(current.entry.size - current.at);
      ready.push(endOfArchive.subarray(0, paddingOf(current.entry.size)));
      current = undefined;
    },
  };
  const reader = new TarReader(handler);
  for await (const chunk of source) {
    signal.throwIfAborted();
    reader.write(chunk);
    yield* ready;
    ready = [];
  }
  reader.close();
  yield* ready;
  yield endOfArchive;
}
