/**
 * Names on disk are bytes. Inside this room they are strings of one character a byte (`latin1`), which sort in byte order
 * and cost nothing to join; only what leaves the room is decoded.
 */

const nonAscii = /[^\0-\x7f]/;

/** The path as people read it; bytes that are no UTF-8 become U+FFFD. */
export const decodePath = (latin1: string): string =>
  nonAscii.test(latin1) ? Buffer.from(latin1, 'latin1').toString('utf8') : latin1;

/** What the file system is asked with: the string itself where it is ASCII. */
export const systemPath = (latin1: string): string | Buffer =>
  nonAscii.test(latin1) ? Buffer.from(latin1, 'latin1') : latin1;

export const rawBytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');

/** One character a byte, of a path in JavaScript's own encoding. */
export const byteString = (path: string): string =>
  nonAscii.test(path) ? Buffer.from(path, 'utf8').toString('latin1') : path;
