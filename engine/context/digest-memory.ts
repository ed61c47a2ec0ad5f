import {readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {identityEach} from './helpers/jobs.js';

/** Digests of the last run by what `lstat` said of each file, in the order of the walk. */
export interface DigestMemory {
  readonly size: number;
  /** The digest (64 hex digits) remembered for the identity at `at` of `identities`. */
  find(identities: BigInt64Array, at: number): string | undefined;
}

// A file of one heading line, the number of records, all identities (little-endian, as in memory), then all digests.
const heading = Buffer.from('build-image context digests 3\n\0\0');
const digestBytes = 64;
const wordBytes = 8;
const startBytes = heading.length + wordBytes;
const recordBytes = identityEach * wordBytes + digestBytes;

/** Nothing where the file is absent, damaged, or of another version. */
export function readMemory(file: string | undefined): DigestMemory {
  const bytes = file === undefined ? undefined : readIfThere(file);
  const size = bytes === undefined ? 0 : countOf(bytes);
  if (bytes === undefined || size === 0) return {size: 0, find: () => undefined};
  const digests = bytes.subarray(startBytes + size * identityEach * wordBytes);
  // The identities as halves of words: comparing bigints would make one for each.
  const known = new Uint32Array(bytes.buffer, bytes.byteOffset + startBytes, size * identityEach * 2);
  const digestAt = (index: number) => digests.toString('latin1', index * digestBytes, (index + 1) * digestBytes);
  let seen: Uint32Array | undefined;
  let next = 0;
  let byInode: Map<number, number> | undefined;
  const matches = (index: number, words: Uint32Array, at: number): boolean => {
    const start = index * identityEach * 2;
    for (let i = 0; i < identityEach * 2; i++) if (known[start + i] !== words[at * 2 + i]) return false;
    return true;
  };
  return {
    size,
    find(identities, at) {
      if (seen?.buffer !== identities.buffer) seen = new Uint32Array(identities.buffer);
      // Runs go the same way, so the next record is nearly always the one; a map is made where something came or went.
      if (next < size && matches(next, seen, at)) return digestAt(next++);
      byInode ??= new Map(Array.from({length: size}, (_, index) => [inodeOf(known, index * identityEach), index]));
      const found = byInode.get(inodeOf(seen, at));
      if (found === undefined || !matches(found, seen, at)) return undefined;
      next = found + 1;
      return digestAt(found);
    },
  };
}

/** Low part of the inode, exact in a double. Two files of one number are told apart by the rest. */
const inodeOf = (words: Uint32Array, at: number): number =>
  (words[at * 2 + 2] ?? 0) + ((words[at * 2 + 3] ?? 0) & 0x1fffff) * 2 ** 32;

function countOf(bytes: Buffer): number {
  if (bytes.length < startBytes || !bytes.subarray(0, heading.length).equals(heading)) return 0;
  const count = Number(bytes.readBigUInt64LE(heading.length));
  // Written whole or not at all; the length notices a file that a crash cut.
  return bytes.length === startBytes + count * recordBytes ? count : 0;
}

function readIfThere(file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file);
    return bytes.byteOffset % wordBytes === 0 ? bytes : Buffer.from(Uint8Array.from(bytes).buffer);
  } catch {
    return undefined;
  }
}

/** Records for the next run. */
export interface NewMemory {
  add(identities: BigInt64Array, at: number, digest: string): void;
  readonly size: () => number;
  /** Writes them beside and renames. That it cannot be done is no error. */
  write(file: string): void;
}

export function newMemory(): NewMemory {
  let identities = new BigInt64Array(1024 * identityEach);
  const digests: string[] = [];
  return {
    size: () => digests.length,
    add(from, at, digest) {
      const to = digests.length * identityEach;
      if (to === identities.length) {
        const larger = new BigInt64Array(identities.length * 2);
        larger.set(identities);
        identities = larger;
      }
      for (let i = 0; i < identityEach; i++) identities[to + i] = from[at + i] ?? 0n;
      digests.push(digest);
    },
    write(file) {
      const beside = `${file}.${process.pid}.${Date.now()}`;
      const count = Buffer.alloc(wordBytes);
      count.writeBigUInt64LE(BigInt(digests.length));
      const words = Buffer.from(identities.buffer, 0, digests.length * identityEach * wordBytes);
      try {
        writeFileSync(beside, Buffer.concat([heading, count, words, Buffer.from(digests.join(''), 'latin1')]), {
          mode: 0o600,
        });
        renameSync(beside, file);
      } catch {
        rmSync(beside, {force: true});
      }
    },
  };
}
