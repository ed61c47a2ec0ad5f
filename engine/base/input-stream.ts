import {closeSync, constants, createReadStream, fstatSync, openSync} from 'node:fs';
import {Socket} from 'node:net';
import type {Readable} from 'node:stream';

/**
 * What the user names as a file to read: a regular file, or a pipe such as `<(command)`. Undefined for anything else, a device
 * above all, which would never end. Waiting for a pipe's writer blocks no thread: an abort ends it. Throws the system's error.
 */
export function inputStream(path: string, signal: AbortSignal): Readable | undefined {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const stats = fstatSync(file);
  if (stats.isFile()) return createReadStream(path, {fd: file, start: 0, signal});
  if (stats.isFIFO()) return new Socket({fd: file, readable: true, writable: false, signal});
  closeSync(file);
  return undefined;
}
