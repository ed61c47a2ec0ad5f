import {accessSync, closeSync, constants, openSync, readlinkSync, readSync} from 'node:fs';
import {posix} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {BuildError, quote} from '../../base/errors.js';
import {LayerView, type Located, type OverlayPrefix} from '../../snapshot/layer-view.js';
import {byteString, bytesOf, display, noXattrs, paddingOf, type TarEntry} from '../../snapshot/tar-entry.js';
import {endOfArchive, headerBlocks} from '../../snapshot/tar-writer.js';

const chunkSize = 1024 * 1024;

/**
 * Tar of `path` in the tree of `directories` (topmost first), without a mount: the path itself first, by its base name, as
 * the archive API of Docker has it. Directories, files and symlinks; what else there is, is left out. Rejects with NOT_FOUND.
 */
export async function* readTree(
  directories: readonly string[],
  path: string,
  prefix: OverlayPrefix,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const view = new LayerView(directories, prefix);
  const {path: at, located} = view.resolve(byteString(path), false);
  if (located === undefined) throw new BuildError('NOT_FOUND', `there is no ${quote(path)} in this stage`);
  const name = byteString(posix.basename(path)) || '.';
  for (const {entry, real} of entries(view, at, name, located)) {
    signal.throwIfAborted();
    yield headerBlocks(entry);
    if (entry.type === 'file' && entry.size > 0) yield* content(real, entry.size);
    else await setImmediate();
  }
  yield endOfArchive;
}

/** Whether this process may read all that `readTree` would; true where nothing is there. Throws EACCES where it may not even look. */
export function isReadable(directories: readonly string[], path: string, prefix: OverlayPrefix): boolean {
  const view = new LayerView(directories, prefix);
  const {path: at, located} = view.resolve(byteString(path), false);
  if (located === undefined) return true;
  for (const {entry, real} of entries(view, at, '.', located)) {
    if (entry.type === 'file') accessSync(bytesOf(real), constants.R_OK);
  }
  return true;
}

function* entries(
  view: LayerView,
  path: string,
  name: string,
  located: Located,
): Generator<{readonly entry: TarEntry; readonly real: string}> {
  const {stats, real} = located;
  const base = {
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    size: 0,
    mtime: {seconds: Math.floor(stats.mtimeMs / 1000), nanoseconds: 0},
    link: '',
    major: 0,
    minor: 0,
    xattrs: noXattrs,
  };
  if (stats.isFile()) yield {entry: {...base, name, type: 'file', size: stats.size}, real};
  else if (stats.isSymbolicLink()) {
    const link = readlinkSync(bytesOf(real), {encoding: 'latin1'});
    yield {entry: {...base, name, type: 'symlink', link}, real};
  } else if (stats.isDirectory()) {
    yield {entry: {...base, name: `${name}/`, type: 'directory'}, real};
    for (const child of view.children(path)) {
      const below = path === '' ? child : `${path}/${child}`;
      const found = view.lookup(below);
      if (found !== undefined) yield* entries(view, below, `${name}/${child}`, found);
    }
  }
}

async function* content(real: string, size: number): AsyncGenerator<Uint8Array> {
  const descriptor = openSync(bytesOf(real), 'r');
  try {
    for (let left = size; left > 0;) {
      const chunk = Buffer.allocUnsafe(Math.min(left, chunkSize));
      const got = readSync(descriptor, chunk, 0, chunk.length, null);
      if (got === 0) throw new BuildError('IO', `${quote(display(real))} became shorter while it was read`);
      left -= got;
      yield chunk.subarray(0, got);
      await setImmediate();
    }
  } finally {
    closeSync(descriptor);
  }
  yield endOfArchive.subarray(0, paddingOf(size));
}
