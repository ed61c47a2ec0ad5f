import {closeSync, fsyncSync, openSync, writeSync} from 'node:fs';
import {createHasher, type Expected} from '../oci/digest.js';
import {placeBlob, type StoredBlob} from './blobs.js';
import {attempt, unlinkIfThere} from './files.js';
import {type Store, temporaryPath} from './store.js';

/** Writes one blob with synchronous calls: for worker threads, where those are fastest. */
export interface BlobWriter {
  /** Bytes so far. */
  readonly size: number;
  /** Throws NO_SPACE or IO; the half-made file is then gone. */
  write(chunk: Uint8Array): void;
  /** Fsyncs, and gives the blob its name; claimed. Throws DIGEST_MISMATCH, NO_SPACE, IO. */
  finish(expected?: Expected): StoredBlob;
  /** Removes the half-made file. Idempotent, and harmless after `finish`. */
  discard(): void;
}

export function openBlobWriter(store: Store): BlobWriter {
  const path = temporaryPath(store);
  const what = 'cannot store a blob';
  const hasher = createHasher();
  let descriptor: number | undefined = attempt(what, path, () => openSync(path, 'wx', 0o644));
  const close = () => {
    if (descriptor === undefined) return;
    const closing = descriptor;
    descriptor = undefined;
    closeSync(closing);
  };
  const discard = () => {
    if (descriptor === undefined) return;
    close();
    unlinkIfThere(path);
  };
  const orDiscard = <T>(action: (open: number) => T): T => {
    if (descriptor === undefined) throw new Error('the blob writer is closed');
    const open = descriptor;
    try {
      return attempt(what, path, () => action(open));
    } catch (error) {
      close();
      unlinkIfThere(path);
      throw error;
    }
  };
  return {
    get size() {
      return hasher.size;
    },
    write: (chunk) =>
      orDiscard((open) => {
        for (let done = 0; done < chunk.length;) done += writeSync(open, chunk, done);
        hasher.update(chunk);
      }),
    finish: (expected) =>
      orDiscard((open) => {
        fsyncSync(open);
        const blob = placeBlob(store, path, hasher, expected);
        close();
        return blob;
      }),
    discard,
  };
}
