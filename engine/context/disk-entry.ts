import type {ContextEntry} from './context.js';
import {identityEach, type StatReply} from './helpers/jobs.js';

/**
 * A path of a directory on disk. A class, unlike other data, and filled in two steps, for there is one for each of a hundred
 * thousand files: what few ask for is made when they do.
 */
export class DiskEntry implements ContextEntry {
  readonly path: string;
  /** As `rawPath`, one character a byte. */
  readonly raw: string;
  /** What the directory above said; `type` is what `lstat` said later. */
  readonly directory: boolean;
  type: ContextEntry['type'] = 'file';
  mode = 0;
  size = 0;
  /** Whole seconds of `mtimeNs`. */
  mtime = 0;
  link: string | undefined = undefined;
  rawLink?: Buffer;
  hardlink: string | undefined = undefined;
  device: readonly [number, number] | undefined = undefined;
  /** What `lstat` said of it is there at `index`. */
  found: StatReply | undefined = undefined;
  index = 0;

  constructor(raw: string, path: string, directory: boolean) {
    this.raw = raw;
    this.path = path;
    this.directory = directory;
  }

  get rawPath(): Buffer {
    return Buffer.from(this.raw, 'latin1');
  }

  get mtimeNs(): bigint {
    return this.found?.identities[this.index * identityEach + 3] ?? 0n;
  }
}

/** The path, one character a byte. */
export const rawOf = (entry: ContextEntry): string =>
  entry instanceof DiskEntry ? entry.raw : entry.rawPath.toString('latin1');
