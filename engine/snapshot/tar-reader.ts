import {createPax10Map, parseSparseMap, type Segment, sparseMapOf} from './tar-sparse.js';
import {blockSize, noXattrs, paddingOf, type TarEntry, type TarType, xattrPrefix} from './tar-entry.js';
import {parseHeader, parsePaxTime, type RawHeader, tarInvalid, text} from './tar-header.js';
import {type PaxRecords, parsePax} from './tar-pax.js';

/** Receives an archive in order: `entry`, for a file its `data` in pieces, and `end` for each entry. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Bytes of the current file at `offset`; holes of a sparse file are not delivered. The chunk is valid during the call. */
  data(chunk: Buffer, offset: number): void;
  /** The current entry is complete. */
  end(): void;
}

export interface TarReaderOptions {
  /** Entries at most (default 10 million). */
  readonly entries?: number;
  /** Bytes of file content at most, holes counted (default 1 TiB). */
  readonly bytes?: number;
}

/** Largest pax header or GNU name, bytes: what Go's reader takes. */
const metaLimit = 1024 * 1024;

const types: Readonly<Record<string, TarType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  // A GNU incremental archive's directory, with a listing as data.
  D: 'directory',
  S: 'file',
};
const meta = new Set(['x', 'X', 'g', 'L', 'K', 'V']);

/**
 * Reads one tar archive (ustar, pax, GNU, v7) from chunks pushed by `write`; everything is called synchronously. Throws
 * BuildError ARCHIVE_INVALID at the first thing that is wrong. Bytes after the end of the archive are ignored.
 */
export class TarReader {
  readonly #handler: TarHandler;
  readonly #mostEntries: number;
  readonly #mostBytes: number;
  #entries = 0;
  #bytes = 0;
  /** Bytes that wait for the rest of a block or of a meta entry. */
  #held: Buffer[] = [];
  #heldSize = 0;
  #wanted = blockSize;
  readonly #headerStep = (block: Buffer): void => this.#header(block);
  #next: (bytes: Buffer) => void = this.#headerStep;
  /** Data of the current entry that is still to come, then padding. */
  #remaining = 0;
  #padding = 0;
  #discard = false;
  #segments: readonly Segment[] | undefined;
  #segment = 0;
  #position = 0;
  #zeroBlocks = 0;
  #globals: PaxRecords = new Map();
  #local: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #done = false;

  constructor(handler: TarHandler, options: TarReaderOptions = {}) {
    this.#handler = handler;
    this.#mostEntries = options.entries ?? 10_000_000;
    this.#mostBytes = options.bytes ?? 2 ** 40;
  }

  write(chunk: Uint8Array): void {
    const buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (at < buffer.length && !this.#done) {
      if (this.#remaining > 0) {
        const size = Math.min(this.#remaining, buffer.length - at);
        this.#deliver(buffer.subarray(at, at + size));
        at += size;
        this.#remaining -= size;
        if (this.#remaining === 0) this.#finish();
      } else if (this.#padding > 0) {
        const size = Math.min(this.#padding, buffer.length - at);
        at += size;
        this.#padding -= size;
      } else {
        at += this.#collect(buffer, at);
      }
    }
  }

  /** To be called after the last chunk. Throws where the archive is cut off. */
  close(): void {
    // One block of zeros, or none after a whole entry, ends an archive too: some writers leave them out.
    const between = this.#next === this.#headerStep && this.#heldSize === 0 && this.#remaining === 0;
    if (this.#done || (between && this.#padding === 0 && this.#local === undefined)) return;
    throw tarInvalid('it is cut off');
  }

  /** Gathers `#wanted` bytes, then hands them to `#next`. */
  #collect(buffer: Buffer, at: number): number {
    const size = Math.min(this.#wanted - this.#heldSize, buffer.length - at);
    const piece = buffer.subarray(at, at + size);
    if (this.#heldSize + size < this.#wanted) {
      // The caller may reuse its chunk.
      this.#held.push(Buffer.from(piece));
      this.#heldSize += size;
      return size;
    }
    const whole = this.#heldSize === 0 ? piece : Buffer.concat([...this.#held, piece]);
    this.#held = [];
    this.#heldSize = 0;
    this.#next(whole);
    return size;
  }

  #want(size: number, next: (bytes: Buffer) => void): void {
    this.#wanted = size;
    this.#next = next;
  }

  #wantHeader(): void {
    this.#want(blockSize, this.#headerStep);
  }

  #header(block: Buffer): void {
    this.#wantHeader();
    if (block.equals(zeros)) {
      this.#zeroBlocks++;
      if (this.#zeroBlocks === 2) this.#done = true;
      return;
    }
    if (this.#zeroBlocks > 0) throw tarInvalid('an entry follows a block of zeros');
    const raw = parseHeader(block);
    if (raw.size < 0) throw tarInvalid('an entry has a negative size', raw.name);
    if (meta.has(raw.typeflag)) {
      this.#meta(raw);
      return;
    }
    if (++this.#entries > this.#mostEntries) throw tarInvalid(`it has more than ${this.#mostEntries} entries`);
    if (raw.typeflag === 'S') this.#oldSparse(raw, block);
    else this.#begin(raw, undefined);
  }

  #meta(raw: RawHeader): void {
    if (raw.size > metaLimit)
      throw tarInvalid(`an extended header has ${raw.size} bytes, more than ${metaLimit}`, raw.name);
    const size = raw.size;
    const done = (bytes: Buffer): void => {
      this.#padding = paddingOf(size);
      this.#wantHeader();
      switch (raw.typeflag) {
        case 'L':
          this.#longName = text(bytes, 0, bytes.length);
          break;
        case 'K':
          this.#longLink = text(bytes, 0, bytes.length);
          break;
        case 'g':
          this.#globals = new Map([...this.#globals, ...parsePax(bytes)]);
          break;
        case 'V':
          break;
        default:
          this.#local = parsePax(bytes);
      }
    };
    if (size === 0) done(Buffer.alloc(0));
    else this.#want(size, done);
  }

  /** Old GNU sparse files: the map is in the header, and goes on in blocks that follow it. */
  #oldSparse(raw: RawHeader, block: Buffer): void {
    const map = parseSparseMap(block);
    const more = (extension: Buffer): void => {
      if (map.extend(extension)) this.#want(blockSize, more);
      else {
        this.#wantHeader();
        this.#begin(raw, {size: map.realSize, segments: map.segments});
      }
    };
    if (map.extended) this.#want(blockSize, more);
    else this.#begin(raw, {size: map.realSize, segments: map.segments});
  }

  #begin(raw: RawHeader, sparse: {readonly size: number; readonly segments: readonly Segment[]} | undefined): void {
    const records = this.#local === undefined ? this.#globals : new Map([...this.#globals, ...this.#local]);
    const {entry, size} = this.#entryOf(raw, records);
    this.#local = undefined;
    this.#longName = undefined;
    this.#longLink = undefined;
    // Only files have data: the size that some writers give a link is ignored, as by Go's reader.
    const isFile = entry.type === 'file';
    const stored = isFile || raw.typeflag === 'D' ? size : 0;
    this.#padding = paddingOf(stored);
    const map =
      sparse === undefined ? (isFile ? sparseMapOf(records, entry.name) : undefined) : {...sparse, name: undefined};
    if (map !== undefined && map.segments === undefined) {
      this.#pax10(entry, stored, map.size, map.name);
      return;
    }
    this.#start({...entry, size: map?.size ?? entry.size, name: map?.name ?? entry.name}, stored, map?.segments);
  }

  /** Pax sparse 1.0: the map is at the head of the data, in whole blocks. */
  #pax10(entry: TarEntry, stored: number, size: number, name: string | undefined): void {
    const padding = this.#padding;
    this.#padding = 0;
    const map = createPax10Map();
    let taken = 0;
    const more = (block: Buffer): void => {
      taken += block.length;
      const segments = map.add(block);
      if (segments === undefined && taken + blockSize > stored) throw tarInvalid('a sparse map is cut off', entry.name);
      if (segments === undefined) return;
      this.#wantHeader();
      this.#padding = padding;
      this.#start({...entry, size, name: name ?? entry.name}, stored - taken, segments);
    };
    if (stored < blockSize) throw tarInvalid('a sparse map is cut off', entry.name);
    this.#want(blockSize, more);
  }

  #start(entry: TarEntry, stored: number, segments: readonly Segment[] | undefined): void {
    if (segments !== undefined) checkSegments(segments, stored, entry);
    this.#bytes += entry.type === 'file' ? entry.size : 0;
    if (this.#bytes > this.#mostBytes) throw tarInvalid(`it holds more than ${this.#mostBytes} bytes`, entry.name);
    this.#segments = segments;
    this.#segment = 0;
    this.#position = 0;
    this.#discard = entry.type !== 'file';
    this.#remaining = stored;
    this.#handler.entry(entry);
    if (stored === 0) this.#finish();
  }

  #deliver(chunk: Buffer): void {
    if (this.#discard) return;
    if (this.#segments === undefined) {
      this.#handler.data(chunk, this.#position);
      this.#position += chunk.length;
      return;
    }
    let rest = chunk;
    while (rest.length > 0) {
      const segment = this.#segments[this.#segment];
      if (segment === undefined) return;
      const size = Math.min(segment.length - this.#position, rest.length);
      if (size > 0) this.#handler.data(rest.subarray(0, size), segment.offset + this.#position);
      this.#position += size;
      rest = rest.subarray(size);
      if (this.#position === segment.length) {
        this.#segment++;
        this.#position = 0;
      }
    }
  }

  #finish(): void {
    this.#handler.end();
  }

  #entryOf(raw: RawHeader, pax: PaxRecords): {readonly entry: TarEntry; readonly size: number} {
    const get = (key: string) => pax.get(key)?.toString('latin1');
    const name = get('path') ?? this.#longName ?? raw.name;
    const linkname = get('linkpath') ?? this.#longLink ?? raw.link;
    if (name.includes('\0') || linkname.includes('\0')) throw tarInvalid('a name has a NUL byte', name);
    const named = types[raw.typeflag];
    if (named === undefined)
      throw tarInvalid(`entries of type ${JSON.stringify(raw.typeflag)} are not supported`, name);
    // Before POSIX, a directory was written as a file whose name ends in a slash.
    const type = raw.typeflag === '0' && name.endsWith('/') ? 'directory' : named;
    const size = whole(get('size'), raw.size, 'size', name);
    const time = get('mtime');
    const mtime = time === undefined ? {seconds: raw.mtime, nanoseconds: 0} : parsePaxTime(time);
    if (mtime === undefined) throw tarInvalid('a modification time is not a number', name);
    const uid = whole(get('uid'), raw.uid, 'uid', name);
    const gid = whole(get('gid'), raw.gid, 'gid', name);
    if (uid < 0 || gid < 0 || uid > 0xfffffffe || gid > 0xfffffffe) throw tarInvalid('an owner is out of range', name);
    const entry: TarEntry = {
      name,
      type,
      mode: raw.mode & 0o7777,
      uid,
      gid,
      size: type === 'file' ? size : 0,
      mtime,
      link: type === 'symlink' || type === 'hardlink' ? linkname : '',
      major: raw.major,
      minor: raw.minor,
      xattrs: xattrsOf(pax),
    };
    return {entry, size};
  }
}

const zeros = Buffer.alloc(blockSize);

function whole(value: string | undefined, otherwise: number, what: string, name: string): number {
  if (value === undefined) return otherwise;
  const number = Number(value);
  if (!/^[0-9]{1,16}$/.test(value) || !Number.isSafeInteger(number))
    throw tarInvalid(`a ${what} is not a number`, name);
  return number;
}

function xattrsOf(pax: PaxRecords): ReadonlyMap<string, Buffer> {
  let xattrs: Map<string, Buffer> | undefined;
  for (const [key, value] of pax) {
    if (!key.startsWith(xattrPrefix)) continue;
    xattrs ??= new Map();
    xattrs.set(key.slice(xattrPrefix.length), value);
  }
  return xattrs ?? noXattrs;
}

function checkSegments(segments: readonly Segment[], stored: number, entry: TarEntry): void {
  let end = 0;
  let total = 0;
  for (const {offset, length} of segments) {
    if (offset < end) throw tarInvalid('a sparse map overlaps itself', entry.name);
    end = offset + length;
    total += length;
  }
  if (end > entry.size || total !== stored) throw tarInvalid('a sparse map does not fit its file', entry.name);
}

/** Reads a whole archive. The signal is looked at between chunks. */
export async function readTar(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  handler: TarHandler,
  signal: AbortSignal,
  options: TarReaderOptions = {},
): Promise<void> {
  const reader = new TarReader(handler, options);
  for await (const chunk of source) {
    signal.throwIfAborted();
    reader.write(chunk);
  }
  reader.close();
}
