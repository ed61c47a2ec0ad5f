import {createHash} from 'node:crypto';
import {BuildError, quote} from '../base/errors.js';

/** `sha256:` and 64 lower-case hex digits. Made only by `parseDigest`, `digestOf` and hashers. */
export type Digest = string & {readonly __brand: 'Digest'};

const pattern = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: string): text is Digest {
  return pattern.test(text);
}

/** Throws BuildError DIGEST_INVALID unless `text` is a sha256 digest (OCI image-spec, descriptor: digests). */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new BuildError('DIGEST_INVALID', `not a sha256 digest: ${quote(text)}`, {
      remedy: 'A digest is "sha256:" and 64 lower-case hexadecimal digits.',
    });
  }
  return text;
}

/** The 64 hex digits. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** Digest of bytes, or of a text's UTF-8. */
export function digestOf(data: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(data).digest('hex')}` as Digest;
}

/** Digest and size of what passes through. */
export interface Hasher {
  update(chunk: Uint8Array): void;
  /** Bytes so far. */
  readonly size: number;
  /** Once only, after the last chunk. */
  digest(): Digest;
}

export function createHasher(): Hasher {
  const hash = createHash('sha256');
  let size = 0;
  return {
    update(chunk) {
      size += chunk.length;
      hash.update(chunk);
    },
    get size() {
      return size;
    },
    digest: () => `sha256:${hash.digest('hex')}` as Digest,
  };
}

/** What bytes must be; `size` in bytes where it is known. */
export interface Expected {
  readonly digest: Digest;
  readonly size?: number;
}

/** Throws BuildError DIGEST_MISMATCH naming `what`. */
export function checkDigest(
  what: string,
  found: {readonly digest: Digest; readonly size: number},
  expected: Expected,
): void {
  if (expected.size !== undefined && found.size !== expected.size) {
    throw new BuildError('DIGEST_MISMATCH', `${what} has ${found.size} bytes instead of ${expected.size}`);
  }
  if (found.digest !== expected.digest) {
    throw new BuildError('DIGEST_MISMATCH', `${what} has the digest ${found.digest} instead of ${expected.digest}`);
  }
}

/** The same bytes. Throws BuildError DIGEST_MISMATCH. */
export function verifyBytes(what: string, bytes: Uint8Array, expected: Expected): Uint8Array {
  checkDigest(what, {digest: digestOf(bytes), size: bytes.length}, expected);
  return bytes;
}

/**
 * Passes `source` on while it is hashed. Throws BuildError DIGEST_MISMATCH at the first byte beyond the expected size, or
 * at the end: whoever consumes it must not trust the bytes before the iteration has ended.
 */
export async function* verifyStream(
  what: string,
  source: AsyncIterable<Uint8Array>,
  expected: Expected,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hasher = createHasher();
  for await (const chunk of source) {
    hasher.update(chunk);
    if (expected.size !== undefined && hasher.size > expected.size) {
      throw new BuildError('DIGEST_MISMATCH', `${what} has more than the expected ${expected.size} bytes`);
    }
    yield chunk;
  }
  checkDigest(what, {digest: hasher.digest(), size: hasher.size}, expected);
}
