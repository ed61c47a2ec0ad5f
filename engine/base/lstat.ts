import {type BigIntStats, lstatSync} from 'node:fs';
import {deviceNumber} from './device-number.js';
import {atCwd, cLibrary, cPath, noFollow} from './libc.js';

/** What is asked of many files. */
export interface Lstat {
  /** With the bits of the type. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** As Node has them: in one number. */
  readonly device: bigint;
  readonly inode: bigint;
  /** Of the node of a device. */
  readonly represented: bigint;
  /** Since 1970, in nanoseconds. */
  readonly modified: bigint;
  readonly changed: bigint;
}

/** lstat(2). Undefined where there is nothing; throws Node's error for anything else. What it gives holds until the next look. */
export type Look = (path: string | Buffer) => Lstat | undefined;

/** Fewer take less time than loading the native module. */
const many = 600;
/** How many this process has looked at without it. */
let plainly = 0;
let native: ((path: string | Buffer) => NativeLstat | undefined) | null | undefined;

/** For `count` files, or as many as this process comes to look at one by one. */
export const lookFor = (count = 1): Look => nativeLook(plainly + count) ?? lookPlainly;

/** Takes half of the time of Node's own function. Undefined for fewer files than pay for loading it, or where it cannot be had. */
export function nativeLook(count: number): ((path: string | Buffer) => NativeLstat | undefined) | undefined {
  if (native === undefined && count >= many) {
    try {
      const look = statx();
      // Older kernels, and sandboxes that do not know the call, refuse it.
      look('/');
      native = look;
    } catch {
      native = null;
    }
  }
  return native ?? undefined;
}

function lookPlainly(path: string | Buffer): Lstat | undefined {
  plainly++;
  const stats: BigIntStats | undefined = lstatSync(path, {bigint: true, throwIfNoEntry: false});
  if (stats === undefined) return undefined;
  return {
    mode: Number(stats.mode),
    links: Number(stats.nlink),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    device: stats.dev,
    inode: stats.ino,
    represented: stats.rdev,
    modified: stats.mtimeNs,
    changed: stats.ctimeNs,
  };
}

const noEntry = 2;
/** STATX_BASIC_STATS without the time of the last read, which nobody asks for. */
const mask = 0x7df;
const nanosecondsEach = 1_000_000_000n;

/** By statx(2), with one reply for all. */
function statx(): (path: string | Buffer) => NativeLstat | undefined {
  const {bind, errno} = cLibrary();
  const rest = 'int flags, uint mask, _Out_ uint8_t *reply)';
  const ofText = bind(`int statx(int directory, str path, ${rest}`);
  const ofBytes = bind(`int statx(int directory, const uint8_t *path, ${rest}`);
  const stats = new NativeLstat();
  const {reply} = stats;
  return (path) => {
    const failed =
      typeof path === 'string'
        ? ofText(atCwd, path, noFollow, mask, reply)
        : ofBytes(atCwd, cPath(path), noFollow, mask, reply);
    if (failed === 0) return stats;
    if (errno() === noEntry) return undefined;
    // It says what is wrong, as Node does.
    lstatSync(path);
    throw new Error(`cannot look at ${path.toString()}`);
  };
}

/** A reply of statx(2): the numbers of `words` are its fields of 32 bits each; those of `longs` have 64. */
export class NativeLstat implements Lstat {
  readonly #words = new Uint32Array(64);
  readonly #longs = new BigInt64Array(this.#words.buffer);
  readonly reply = new Uint8Array(this.#words.buffer);

  #device(major: number): bigint {
    return deviceNumber(this.#words[major] ?? 0, this.#words[major + 1] ?? 0);
  }

  #time(seconds: number): bigint {
    return (this.#longs[seconds] ?? 0n) * nanosecondsEach + BigInt(this.#words[seconds * 2 + 2] ?? 0);
  }

  #milliseconds(at: number): number {
    const seconds = ((this.#words[at + 1] ?? 0) | 0) * 2 ** 32 + (this.#words[at] ?? 0);
    return seconds * 1000 + (this.#words[at + 2] ?? 0) / 1e6;
  }

  get links(): number {
    return this.#words[4] ?? 0;
  }
  get uid(): number {
    return this.#words[5] ?? 0;
  }
  get gid(): number {
    return this.#words[6] ?? 0;
  }
  get mode(): number {
    return (this.#words[7] ?? 0) & 0xffff;
  }
  get inode(): bigint {
    return this.#longs[4] ?? 0n;
  }
  get size(): number {
    return (this.#words[11] ?? 0) * 2 ** 32 + (this.#words[10] ?? 0);
  }
  get changed(): bigint {
    return this.#time(12);
  }
  get modified(): bigint {
    return this.#time(14);
  }
  get represented(): bigint {
    return this.#device(32);
  }
  get device(): bigint {
    return this.#device(34);
  }
  // As numbers, under Node's names: times that are no bigints cost half.
  get dev(): number {
    return Number(this.device);
  }
  get ino(): number {
    return Number(this.inode);
  }
  get ctimeMs(): number {
    return this.#milliseconds(24);
  }
  get mtimeMs(): number {
    return this.#milliseconds(28);
  }
}
