import type {Timestamp} from '../base/syscalls.js';

/** What the archive makes at `name`. */
export type TarType = 'file' | 'hardlink' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'fifo';

/**
 * One entry of a layer. Names are *byte strings*: one character (U+0000 to U+00FF) for each byte, as `latin1` decodes
 * them, because file names need not be UTF-8.
 */
export interface TarEntry {
  readonly name: string;
  readonly type: TarType;
  /** Permission bits with setuid, setgid and sticky (07777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of the file; 0 for anything else. */
  readonly size: number;
  readonly mtime: Timestamp;
  /** Target of a symlink, as stored, or the name of the entry that a hard link is another name of; else ''. */
  readonly link: string;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by name. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

export const blockSize = 512;
export const noXattrs: ReadonlyMap<string, Buffer> = new Map();
export const xattrPrefix = 'SCHILY.xattr.';

/** Zero bytes between a file of `size` bytes and the next header. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** The bytes of a byte string. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A byte string as people read it: invalid UTF-8 becomes U+FFFD. */
export function display(text: string): string {
  return bytesOf(text).toString('utf8');
}

/** The byte string of ordinary text. */
export function byteString(text: string | Buffer): string {
  return (typeof text === 'string' ? Buffer.from(text) : text).toString('latin1');
}
