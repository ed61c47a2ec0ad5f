import type {ContextEntry} from '../context.js';
import type {Helpers} from '../helpers/helpers.js';
import {failed} from '../unreadable.js';
import {blockBytes, paddingOf, tarHeader, writePlainHeader, type TarEntry} from './header.js';

/** A chunk of the archive; its files may still be being read. */
export interface Gathered {
  readonly bytes: Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Puts an archive together in the chunks that `allocate` gives, all of one size: headers and large parts at once, the content of small files when the chunk is
 * full, all of them in one job. A method answers the chunks that became full on the way.
 */
export interface Gatherer {
  /** The header of an entry whose `following` bytes come next, in the same chunk if that is possible. */
  header(entry: TarEntry, following: number): Generator<Gathered>;
  append(bytes: Uint8Array): Generator<Gathered>;
  /** The content of a small file, read later, with its padding; its header had it among the `following` bytes. */
  file(entry: ContextEntry, raw: string): void;
  /** Where up to `most` bytes go that the caller writes at once, and says how many they were. */
  space(most: number): Generator<Gathered, Uint8Array>;
  wrote(count: number): void;
  pad(size: number): Generator<Gathered>;
  /** What is there, if anything. */
  rest(): Generator<Gathered>;
}

export function gatherer(root: string, allocate: () => Buffer<ArrayBuffer>, helpers: Helpers): Gatherer {
  let chunk = allocate();
  const chunkBytes = chunk.length;
  let used = 0;
  let files: ContextEntry[] = [];
  let paths: string[] = [];
  let places: number[] = [];

  function* rest(): Generator<Gathered> {
    if (used === 0) return;
    const [length, readers] = [used, files];
    const {buffer} = chunk;
    if (files.length === 0) {
      yield {bytes: Promise.resolve(chunk.subarray(0, used))};
    } else {
      const job = {kind: 'fill', root, paths: paths.join('\0'), places: Float64Array.from(places), buffer} as const;
      const bytes = helpers.run(job).then((reply) => {
        const {failure} = reply;
        if (failure !== undefined) throw failed(readers[failure.index]?.path ?? '', failure);
        return new Uint8Array(reply.buffer, 0, length);
      });
      yield {bytes};
    }
    chunk = allocate();
    used = 0;
    [files, paths, places] = [[], [], []];
  }

  function* append(bytes: Uint8Array): Generator<Gathered> {
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + chunkBytes - used);
      chunk.set(part, used);
      used += part.length;
      at += part.length;
      if (used === chunkBytes) yield* rest();
    }
  }

  return {
    rest,
    append,
    *header(entry, following) {
      if (chunkBytes - used < following + blockBytes) yield* rest();
      if (writePlainHeader(chunk, used, entry)) {
        used += blockBytes;
      } else {
        yield* append(tarHeader(entry));
        if (chunkBytes - used < following) yield* rest();
      }
    },
    file(entry, raw) {
      files.push(entry);
      paths.push(raw);
      places.push(used, entry.size);
      const padding = paddingOf(entry.size);
      used += entry.size;
      chunk.fill(0, used, used + padding);
      used += padding;
    },
    *space(most) {
      if (chunkBytes - used < chunkBytes / 4) yield* rest();
      return chunk.subarray(used, Math.min(chunkBytes, used + most));
    },
    wrote(count) {
      used += count;
    },
    *pad(size) {
      const padding = paddingOf(size);
      if (padding > chunkBytes - used) yield* rest();
      chunk.fill(0, used, used + padding);
      used += padding;
    },
  };
}

/** Bytes that a small file takes at most: with padding, and one more that tells that it grew. */
export const taken = (size: number): number => size + paddingOf(size) + 1;
