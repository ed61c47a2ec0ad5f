import {lstatSync, readdirSync, readlinkSync} from 'node:fs';
import {deviceOf} from '../base/device-number.js';
import {BuildError, quote} from '../base/errors.js';
import {fileType} from '../base/file-type.js';
import {type Lstat, lookFor} from '../base/lstat.js';
import type {Timestamp} from '../base/syscalls.js';
import {systemPath} from '../context/raw-path.js';
import {isOpaque, LayerView, lstatOf, type OverlayPrefix} from './layer-view.js';
import {layerError, readXattrs, timestampOf} from './metadata.js';
import {byteString, bytesOf, display, noXattrs, type TarEntry, type TarType} from './tar-entry.js';
import {type LayerPiece, TarChunks} from './tar-chunks.js';
import {headerBlocks} from './tar-writer.js';

export interface DiffOptions {
  /** Upper directory of an overlay, or a whole tree. Nobody writes to it meanwhile. */
  readonly directory: string;
  /** Directories that `directory` is a change of, topmost first: the layer is what they show together. */
  readonly continued?: readonly string[];
  /** Snapshots below, topmost first: a directory is marked as opaque only where one of them has it, too. */
  readonly lowers?: readonly string[];
  readonly prefix?: OverlayPrefix;
  /** Owner and mode of the root below: the layer begins with `./` where the upper one differs. Undefined: without `./`. */
  readonly root?: {readonly mode: number; readonly uid: number; readonly gid: number} | undefined;
  /** SOURCE_DATE_EPOCH, seconds: later times become this one. */
  readonly clamp?: number | undefined;
  /** Whole seconds only, as BuildKit writes them (default: nanoseconds). */
  readonly wholeSeconds?: boolean;
  /** Extended attributes in the layer (default all but overlay's and host labels; BuildKit writes `capability`). */
  readonly xattrs?: 'all' | 'capability' | 'none';
}

/**
 * The layer (OCI image-spec, layer.md) that turns what is below into what an overlay with `directory` on top shows: an
 * uncompressed tar, the same bytes for the same tree, in chunks of up to 1 MiB that are the caller's to keep. Sockets are
 * left out. Throws BuildError IO, or CONTEXT_CHANGED for a file that shrinks while it is read.
 */
export function* layerTar(options: DiffOptions): Generator<Buffer, void, undefined> {
  const chunks = new TarChunks(true);
  for (const piece of layerPieces(options)) yield* chunks.add(piece);
  yield* chunks.end();
}

/** The same, in entries that `TarChunks` makes the tar of; no file is read. Throws BuildError IO. */
export function* layerPieces(options: DiffOptions): Generator<LayerPiece, void, undefined> {
  for (const {entry, real} of entriesOf(options)) {
    yield {header: headerBlocks(entry), real, size: entry.type === 'file' ? entry.size : 0};
  }
}

interface Found {
  readonly entry: TarEntry;
  /** Where it is on disk; a byte string. */
  readonly real: string;
}

function* entriesOf(options: DiffOptions): Generator<Found, void, undefined> {
  const root = byteString(options.directory);
  const stats = lookAt(root);
  const {root: below} = options;
  const same =
    below === undefined || (below.mode === (stats.mode & 0o7777) && below.uid === stats.uid && below.gid === stats.gid);
  if (!same) yield {entry: entryOf('./', 'directory', root, stats, options), real: root};
  const lowers = options.lowers ?? [];
  const view = lowers.length === 0 ? undefined : new LayerView(lowers, options.prefix, true);
  yield* walk([root, ...(options.continued ?? []).map(byteString)], '', options, view, new Map());
}

/** Names in the directories of one place, in byte order, with where they are, topmost first. */
function namesIn(directories: readonly string[]): readonly (readonly [name: string, reals: readonly string[]])[] {
  const found = new Map<string, string[]>();
  for (const directory of directories) {
    try {
      for (const name of readdirSync(bytesOf(directory), {encoding: 'latin1'})) {
        const reals = found.get(name);
        if (reals === undefined) found.set(name, [`${directory}/${name}`]);
        else reals.push(`${directory}/${name}`);
      }
    } catch (error) {
      throw layerError(`cannot read ${quote(display(directory))}`, error);
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The directories that the topmost of `reals` shows as one. */
function mergedOf(reals: readonly string[], prefix: OverlayPrefix): readonly string[] {
  const merged = reals.slice(0, 1);
  for (const real of reals.slice(1)) {
    const above = merged.at(-1) ?? '';
    if (isOpaque(above, prefix) || lstatOf(real)?.isDirectory() !== true) break;
    merged.push(real);
  }
  return merged;
}

function* walk(
  directories: readonly string[],
  path: string,
  options: DiffOptions,
  view: LayerView | undefined,
  links: Map<bigint, string>,
): Generator<Found, void, undefined> {
  for (const [name, reals] of namesIn(directories)) {
    const [real = ''] = reals;
    const inner = path === '' ? name : `${path}/${name}`;
    // Until the next one is looked at: what is needed of it is taken before anything is yielded.
    const stats = lookAt(real);
    const type = fileType(stats.mode);
    if (type === 'character-device' && stats.represented === 0n) {
      // Where the layer continues others, what is deleted may be theirs, and not be in any layer below.
      if (directories.length > 1 && view?.lookup(inner) === undefined) continue;
      yield {entry: marker(path === '' ? `.wh.${name}` : `${path}/.wh.${name}`), real};
      continue;
    }
    if (name.startsWith('.wh.')) {
      throw new BuildError(
        'UNSUPPORTED',
        `${quote(display(`/${inner}`))} cannot be put into a layer: names that begin with .wh. are whiteouts`,
      );
    }
    if (type === undefined || type === 'socket') continue;
    if (type === 'directory') {
      const merged = mergedOf(reals, options.prefix ?? 'trusted.overlay.');
      yield {entry: entryOf(`${inner}/`, type, real, stats, options), real};
      if (hidesBelow(merged.at(-1) ?? real, inner, view, options)) {
        yield {entry: marker(`${inner}/.wh..wh..opq`), real};
      }
      yield* walk(merged, inner, options, view, links);
      continue;
    }
    const first = stats.links > 1 ? links.get(stats.inode) : undefined;
    if (first !== undefined) {
      yield {entry: {...entryOf(inner, 'hardlink', real, stats, options), link: first}, real};
      continue;
    }
    if (stats.links > 1) links.set(stats.inode, inner);
    yield {entry: entryOf(inner, type, real, stats, options), real};
  }
}

/** The kernel marks every new directory as opaque, which matters only where a layer below has one there. */
function hidesBelow(real: string, path: string, view: LayerView | undefined, options: DiffOptions): boolean {
  if (options.lowers === undefined || options.lowers.length === 0) return false;
  if (view?.lookup(path)?.stats.isDirectory() !== true) return false;
  return isOpaque(real, options.prefix ?? 'trusted.overlay.');
}

function marker(name: string): TarEntry {
  const mtime = {seconds: 0, nanoseconds: 0};
  return {name, type: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime, link: '', major: 0, minor: 0, xattrs: noXattrs};
}

function lookAt(real: string): Lstat {
  // All of a layer, however many they are: the native module is there where layers are made.
  const look = lookFor(Infinity);
  const path = systemPath(real);
  for (;;) {
    const stats = look(path);
    if (stats !== undefined) return stats;
    // As Node says it where it is gone.
    lstatSync(path);
  }
}

function entryOf(name: string, type: TarType, real: string, stats: Lstat, options: DiffOptions): TarEntry {
  const {mode, uid, gid, size, represented, modified} = stats;
  const isDevice = type === 'character-device' || type === 'block-device';
  const [major, minor] = isDevice ? deviceOf(represented) : [0, 0];
  return {
    name,
    type,
    mode: mode & 0o7777,
    uid,
    gid,
    size: type === 'file' ? size : 0,
    mtime: timeOf(modified, options),
    link: type === 'symlink' ? readlinkSync(bytesOf(real), {encoding: 'latin1'}) : '',
    major,
    minor,
    xattrs: readXattrs(real, options.xattrs ?? 'all'),
  };
}

function timeOf(nanoseconds: bigint, {clamp, wholeSeconds}: DiffOptions): Timestamp {
  const time = timestampOf(nanoseconds);
  if (clamp !== undefined && (time.seconds > clamp || (time.seconds === clamp && time.nanoseconds > 0))) {
    return {seconds: clamp, nanoseconds: 0};
  }
  return wholeSeconds === true ? {seconds: time.seconds, nanoseconds: 0} : time;
}
