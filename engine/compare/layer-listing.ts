import {createHash, type Hash} from 'node:crypto';
import {BuildError} from '../base/errors.js';
import {cleanComponents} from '../snapshot/layer-view.js';
import type {TarEntry, TarType} from '../snapshot/tar-entry.js';
import {readTar, type TarHandler} from '../snapshot/tar-reader.js';
import {isDatabase} from './dpkg.js';

/** What a layer says of one path. `path` is a byte string without a slash at either end; '' is the root. */
export interface LayerEntry {
  readonly path: string;
  readonly type: TarType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Target of a symlink as stored; of a hard link the path in the layer. */
  readonly link: string;
  /** `major:minor` of a device. */
  readonly device: string;
  /** Of a file's content: 64 hex digits; else ''. */
  readonly sha256: string;
  /** Digest of the extended attributes; '' without any. */
  readonly xattrs: string;
  /** Content of what the package database is made of. */
  readonly kept: Buffer | undefined;
}

/** A layer's tar, read once, whatever images it is part of. */
export interface LayerListing {
  readonly entries: readonly LayerEntry[];
  /** Paths that the layer removes from those below. */
  readonly removed: readonly string[];
  /** Directories whose content below is hidden. */
  readonly opaque: readonly string[];
  /** Bytes of the files in it. */
  readonly bytes: number;
}

const whiteout = '.wh.';
const opaqueMarker = '.wh..wh..opq';
const mostKept = 64 * 1024 * 1024;
const zeros = Buffer.alloc(65_536);

/** Lists an uncompressed layer; content passes through and is not held. Rejects with ARCHIVE_INVALID. */
export async function listLayer(tar: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<LayerListing> {
  const entries: LayerEntry[] = [];
  const removed: string[] = [];
  const opaque: string[] = [];
  let bytes = 0;
  let kept = 0;
  let current: {entry: TarEntry; path: string; hash: Hash; at: number; pieces: Buffer[] | undefined} | undefined;
  const handler: TarHandler = {
    entry(entry) {
      current = undefined;
      const path = cleanComponents(entry.name).join('/');
      const name = path.slice(path.lastIndexOf('/') + 1);
      const parent = path.slice(0, Math.max(0, path.length - name.length - 1));
      if (name === opaqueMarker) opaque.push(parent);
      else if (name.startsWith(whiteout)) removed.push(join(parent, name.slice(whiteout.length)));
      else {
        const pieces = entry.type === 'file' && isDatabase(path) ? [] : undefined;
        if (pieces !== undefined) kept += entry.size;
        if (kept > mostKept)
          throw new BuildError('ARCHIVE_INVALID', `its package database has more than ${mostKept} bytes`);
        current = {entry, path, hash: createHash('sha256'), at: 0, pieces};
      }
    },
    data(chunk, offset) {
      if (current === undefined) return;
      fill(current, offset);
      current.hash.update(chunk);
      current.at += chunk.length;
      current.pieces?.push(Buffer.from(chunk));
    },
    end() {
      if (current === undefined) return;
      const {entry, path, hash, pieces} = current;
      fill(current, entry.size);
      bytes += entry.size;
      entries.push({
        path,
        type: entry.type,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size: entry.size,
        link: entry.type === 'hardlink' ? cleanComponents(entry.link).join('/') : entry.link,
        device: entry.type.endsWith('-device') ? `${entry.major}:${entry.minor}` : '',
        sha256: entry.type === 'file' ? hash.digest('hex') : '',
        xattrs: attributesDigest(entry.xattrs),
        kept: pieces === undefined ? undefined : Buffer.concat(pieces),
      });
      current = undefined;
    },
  };
  await readTar(tar, handler, signal);
  return {entries, removed, opaque, bytes};
}

const join = (parent: string, name: string): string => (parent === '' ? name : `${parent}/${name}`);

/** Holes of a sparse file are zeros. */
function fill(current: {hash: Hash; at: number}, to: number): void {
  while (current.at < to) {
    const size = Math.min(zeros.length, to - current.at);
    current.hash.update(zeros.subarray(0, size));
    current.at += size;
  }
}

function attributesDigest(xattrs: ReadonlyMap<string, Buffer>): string {
  if (xattrs.size === 0) return '';
  const hash = createHash('sha256');
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0${value.length}\0`).update(value);
  }
  return hash.digest('hex');
}
