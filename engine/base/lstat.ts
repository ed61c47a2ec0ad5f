import {type BigIntStats, lstatSync} from 'node:fs';
import {cLibrary, type Native} from './libc.js';

/** What is asked of many files at once: the answer to the last `look`, which the next one changes. */
export interface Lstat {
  /** lstat(2). False where there is nothing; throws Node's error for anything else. */
  look(path: string | Buffer): boolean;
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

/** Fewer take less time than loading the native module. */
const many = 600;
let native: NativeLstat | null | undefined;

/** For `count` files. */
export const lstatOf = (count: number): Lstat => nativeLstat(count) ?? new PlainLstat();

/** Takes half of the time of Node's own function. Undefined for fewer files than pay for loading it, or where it cannot be had. */
export function nativeLstat(count: number): NativeLstat | undefined {
  if (count < many && native === undefined) return undefined;
  if (native === undefined) {
    try {
      native = new NativeLstat();
      // Older kernels, and sandboxes that do not know the call, refuse it.
      native.look('/');
    } catch {
      native = null;
    }
  }
  return native ?? undefined;
}

class PlainLstat implements Lstat {
  #stats: BigIntStats | undefined;

  look(path: string | Buffer): boolean {
    this.#stats = lstatSync(path, {bigint: true, throwIfNoEntry: false});
    return this.#stats !== undefined;
  }

  get mode(): number {
    return Number(this.#stats?.mode ?? 0n);
  }
  get links(): number {
    return Number(this.#stats?.nlink ?? 0n);
  }
  get uid(): number {
    return Number(this.#stats?.uid ?? 0n);
  }
  get gid(): number {
    return Number(this.#stats?.gid ?? 0n);
  }
  get size(): number {
    return Number(this.#stats?.size ?? 0n);
  }
  get device(): bigint {
    return this.#stats?.dev ?? 0n;
  }
  get inode(): bigint {
    return this.#stats?.ino ?? 0n;
  }
  get represented(): bigint {
    return this.#stats?.rdev ?? 0n;
  }
  get modified(): bigint {
    return this.#stats?.mtimeNs ?? 0n;
  }
  get changed(): bigint {
    return this.#stats?.ctimeNs ?? 0n;
  }
}

const [atCwd, noFollow, noEntry] = [-100, 0x100, 2];
/** STATX_BASIC_STATS without the time of the last read, which nobody asks for. */
const mask = 0x7df;
const nanosecondsEach = 1_000_000_000n;

/** By statx(2): the numbers of `words` are fields of its reply of 32 bits each; those of `longs` have 64. */
export class NativeLstat implements Lstat {
  readonly #words = new Uint32Array(64);
  readonly #longs = new BigInt64Array(this.#words.buffer);
  readonly #reply = new Uint8Array(this.#words.buffer);
  readonly #ofText: Native;
  readonly #ofBytes: Native;

  constructor() {
    const {bind} = cLibrary();
    const rest = 'int flags, uint mask, _Out_ uint8_t *reply)';
    this.#ofText = bind(`int statx(int directory, str path, ${rest}`);
    this.#ofBytes = bind(`int statx(int directory, const uint8_t *path, ${rest}`);
  }

  look(path: string | Buffer): boolean {
    const failed =
      typeof path === 'string'
        ? this.#ofText(atCwd, path, noFollow, mask, this.#reply)
        : this.#ofBytes(atCwd, Buffer.concat([path, Buffer.of(0)]), noFollow, mask, this.#reply);
    if (failed === 0) return true;
    if (cLibrary().errno() === noEntry) return false;
    // It says what is wrong, as Node does.
    lstatSync(path);
    throw new Error(`cannot look at ${path.toString()}`);
  }

  #device(major: number): bigint {
    const [high, low] = [this.#words[major] ?? 0, this.#words[major + 1] ?? 0];
    // makedev(3): both in one number, of which most have but two bytes.
    if (high < 0x1000 && low < 0x100) return BigInt(high * 0x100 + low);
    const [a, b] = [BigInt(high), BigInt(low)];
    return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
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
  // As numbers, under Node's names: what makes no bigint costs half.
  get dev(): number {
    const [major, minor] = [this.#words[34] ?? 0, this.#words[35] ?? 0];
    return major < 0x1000 && minor < 0x100 ? major * 0x100 + minor : Number(this.device);
  }
  get ino(): number {
    return (this.#words[9] ?? 0) * 2 ** 32 + (this.#words[8] ?? 0);
  }
  get ctimeMs(): number {
    return this.#milliseconds(24);
  }
  get mtimeMs(): number {
    return this.#milliseconds(28);
  }
  get represented(): bigint {
    return this.#device(32);
  }
  get device(): bigint {
    return this.#device(34);
  }
}
