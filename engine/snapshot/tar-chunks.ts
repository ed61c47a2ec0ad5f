import {closeSync, constants, openSync, readSync} from 'node:fs';
import {BuildError, quote} from '../base/errors.js';
import {layerError} from './metadata.js';
import {bytesOf, display, paddingOf} from './tar-entry.js';
import {endOfArchive} from './tar-writer.js';

const chunkSize = 1024 * 1024;

/** An entry of a layer: its header blocks, and for a file with content where that is, a byte string, and how many bytes. */
export interface LayerPiece {
  readonly header: Uint8Array;
  readonly real: string;
  readonly size: number;
}

/** A tar in chunks of up to 1 MiB; file content is read straight into them. */
export class TarChunks {
  readonly #kept: boolean;
  #chunk = Buffer.allocUnsafeSlow(chunkSize);
  #size = 0;

  /** `kept`: chunks are the caller's to keep; else each is good until the next one is asked for. */
  constructor(kept: boolean) {
    this.#kept = kept;
  }

  /** Throws BuildError IO, or CONTEXT_CHANGED for a file that is shorter than it should be. */
  *add({header, real, size}: LayerPiece): Generator<Buffer, void, undefined> {
    yield* this.#bytes(header);
    if (size === 0) return;
    yield* this.#file(real, size);
    yield* this.#bytes(endOfArchive.subarray(0, paddingOf(size)));
  }

  /** The end of the archive; nothing may be added after it. */
  *end(): Generator<Buffer, void, undefined> {
    yield* this.#bytes(endOfArchive);
    if (this.#size > 0) yield this.#chunk.subarray(0, this.#size);
  }

  *#bytes(bytes: Uint8Array): Generator<Buffer, void, undefined> {
    let done = 0;
    while (done < bytes.length) {
      const size = Math.min(bytes.length - done, chunkSize - this.#size);
      this.#chunk.set(bytes.subarray(done, done + size), this.#size);
      this.#size += size;
      done += size;
      if (this.#size === chunkSize) yield this.#take();
    }
  }

  *#file(real: string, size: number): Generator<Buffer, void, undefined> {
    let descriptor: number;
    try {
      descriptor = openSync(bytesOf(real), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      throw layerError(`cannot read ${quote(display(real))}`, error);
    }
    try {
      let left = size;
      while (left > 0) {
        const got = readSync(descriptor, this.#chunk, this.#size, Math.min(left, chunkSize - this.#size), null);
        if (got === 0) {
          throw new BuildError('CONTEXT_CHANGED', `${quote(display(real))} became shorter while the layer was made`);
        }
        left -= got;
        this.#size += got;
        if (this.#size === chunkSize) yield this.#take();
      }
    } finally {
      closeSync(descriptor);
    }
  }

  #take(): Buffer {
    const full = this.#chunk;
    if (this.#kept) this.#chunk = Buffer.allocUnsafeSlow(chunkSize);
    this.#size = 0;
    return full;
  }
}
