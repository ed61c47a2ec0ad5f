import {BuildError, quote} from '../base/errors.js';
import type {Timestamp} from '../base/syscalls.js';
import {blockSize, bytesOf, display} from './tar-entry.js';

/** A header block as it stands, before pax records and GNU names are applied (POSIX pax, ustar interchange format). */
export interface RawHeader {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  /** One character; NUL is '0'. */
  readonly typeflag: string;
  readonly link: string;
  readonly major: number;
  readonly minor: number;
}

export function tarInvalid(why: string, name?: string): BuildError {
  const where = name === undefined ? '' : ` at ${quote(display(name))}`;
  return new BuildError('ARCHIVE_INVALID', `not a valid tar archive${where}: ${why}`);
}

/** The error with `what` failed in front, where it is about the bytes of an archive. */
export function archiveError(what: string, error: unknown): unknown {
  if (!(error instanceof BuildError) || error.code !== 'ARCHIVE_INVALID') return error;
  return new BuildError(error.code, `${what}: ${error.message}`, {...error.details, cause: error});
}

/** Throws BuildError ARCHIVE_INVALID for a wrong checksum or number. */
export function parseHeader(block: Buffer): RawHeader {
  checkSum(block);
  const magic = block.toString('latin1', 257, 265);
  const posix = magic.startsWith('ustar\0');
  const gnu = magic === 'ustar  \0';
  const prefix = posix ? text(block, 345, 155) : '';
  const name = text(block, 0, 100);
  const type = String.fromCharCode(block[156] ?? 0);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: number(block, 100, 8, 'mode'),
    uid: number(block, 108, 8, 'uid'),
    gid: number(block, 116, 8, 'gid'),
    size: number(block, 124, 12, 'size'),
    mtime: number(block, 136, 12, 'mtime'),
    typeflag: type === '\0' ? '0' : type,
    link: text(block, 157, 100),
    major: posix || gnu ? number(block, 329, 8, 'device') : 0,
    minor: posix || gnu ? number(block, 337, 8, 'device') : 0,
  };
}

export function text(block: Buffer, at: number, length: number): string {
  let end = at;
  while (end < at + length && block[end] !== 0) end++;
  return block.toString('latin1', at, end);
}

function checkSum(block: Buffer): void {
  let unsigned = 8 * 32;
  let signed = unsigned;
  for (let i = 0; i < blockSize; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  const stored = number(block, 148, 8, 'checksum');
  // Some old tars summed signed characters.
  if (stored !== unsigned && stored !== signed) throw tarInvalid('a header has a wrong checksum');
}

/** Octal text, or base-256 where the first bit is set (GNU, star). */
export function number(block: Buffer, at: number, length: number, what: string): number {
  const first = block[at] ?? 0;
  if (first & 0x80) return base256(block, at, length, what);
  let i = at;
  const end = at + length;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = (block[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 7) break;
    value = value * 8 + digit;
  }
  for (; i < end; i++) {
    if (block[i] !== 0x20 && block[i] !== 0) throw tarInvalid(`the ${what} of a header is not a number`);
  }
  return value;
}

function base256(block: Buffer, at: number, length: number, what: string): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = BigInt((block[at] ?? 0) & 0x3f);
  for (let i = at + 1; i < at + length; i++) value = (value << 8n) | BigInt(block[i] ?? 0);
  if (negative) value -= 1n << BigInt(length * 8 - 2);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw tarInvalid(`the ${what} of a header is out of range`);
  return result;
}

/** What a header block holds. Numbers that do not fit go into pax records, which the caller writes. */
export interface HeaderFields {
  readonly name: Buffer;
  readonly prefix: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtime: number;
  readonly typeflag: string;
  readonly link: Buffer;
  readonly major: number;
  readonly minor: number;
}

/** Writes one ustar block into `out` at `at`. */
export function writeHeader(out: Buffer, at: number, fields: HeaderFields): void {
  out.fill(0, at, at + blockSize);
  fields.name.copy(out, at, 0, 100);
  octal(out, at + 100, 8, fields.mode);
  octal(out, at + 108, 8, fields.uid);
  octal(out, at + 116, 8, fields.gid);
  octal(out, at + 124, 12, fields.size);
  octal(out, at + 136, 12, fields.mtime);
  out.fill(0x20, at + 148, at + 156);
  out.write(fields.typeflag, at + 156, 'latin1');
  fields.link.copy(out, at + 157, 0, 100);
  out.write('ustar\x0000', at + 257, 'latin1');
  octal(out, at + 329, 8, fields.major);
  octal(out, at + 337, 8, fields.minor);
  fields.prefix.copy(out, at + 345, 0, 155);
  let sum = 0;
  for (let i = at; i < at + blockSize; i++) sum += out[i] ?? 0;
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}

function octal(out: Buffer, at: number, length: number, value: number): void {
  let rest = value;
  for (let i = at + length - 2; i >= at; i--) {
    out[i] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}

/** The largest number that the octal field of `length` bytes holds. */
export function octalLimit(length: number): number {
  return 8 ** (length - 1) - 1;
}

/** `-1.5` is 1.5 s before 1970: floor and the rest. Undefined where `value` is no decimal number. */
export function parsePaxTime(value: string): Timestamp | undefined {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (match === null) return undefined;
  const [, minus, whole = '0', fraction = ''] = match;
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  const seconds = Number(whole);
  if (minus === '') return {seconds, nanoseconds};
  if (nanoseconds === 0) return {seconds: seconds === 0 ? 0 : -seconds, nanoseconds: 0};
  return {seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds};
}

/** The decimal that `parsePaxTime` reads back. */
export function formatPaxTime({seconds, nanoseconds}: Timestamp): string {
  if (nanoseconds === 0) return String(seconds);
  const [sign, whole, fraction] =
    seconds >= 0 ? ['', seconds, nanoseconds] : ['-', -seconds - 1, 1_000_000_000 - nanoseconds];
  return `${sign}${whole}.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`;
}

/** Names up to 255 bytes as prefix and name; undefined where no slash divides it so. */
export function splitName(name: Buffer): readonly [prefix: Buffer, name: Buffer] | undefined {
  if (name.length <= 100) return [bytesOf(''), name];
  if (name.length > 256) return undefined;
  // The slash that divides must leave 1 to 100 bytes after it, a trailing slash of a directory not counted as such.
  for (let at = name.lastIndexOf(0x2f, Math.min(155, name.length - 2)); at > 0; at = name.lastIndexOf(0x2f, at - 1)) {
    if (name.length - at - 1 > 100) return undefined;
    return [name.subarray(0, at), name.subarray(at + 1)];
  }
  return undefined;
}
