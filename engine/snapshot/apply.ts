import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import {quote} from '../base/errors.js';
import {syscalls, type Timestamp} from '../base/syscalls.js';
import {cleanComponents, isWhiteout, LayerView, type Located, lstatOf, type OverlayPrefix} from './layer-view.js';
import {copyUp, layerError, setXattrs, timestampOf, writeAll} from './metadata.js';
import {byteString, bytesOf, display, type TarEntry} from './tar-entry.js';
import {tarInvalid} from './tar-header.js';
import {readTar, type TarHandler, type TarReaderOptions} from './tar-reader.js';

export interface ApplyOptions extends TarReaderOptions {
  /** Directory that gets the layer: exists, empty, and nobody else writes to it. */
  readonly directory: string;
  /** Snapshots below it, topmost first; none for the first layer. */
  readonly lowers?: readonly string[];
  readonly prefix?: OverlayPrefix;
  /** In a user namespace: devices, and attributes that the kernel refuses, are left out and reported. */
  readonly unprivileged?: boolean;
}

export interface Applied {
  readonly entries: number;
  /** Bytes of file content. */
  readonly bytes: number;
  /** What was left out, for a warning; at most 100. */
  readonly skipped: readonly string[];
}

/**
 * Applies a layer (OCI image-spec, layer.md) so that `directory` can be an overlay's lower directory: whiteouts become 0:0
 * devices, opaque markers the overlay's attribute. Every path is resolved component by component inside the layers; the
 * archive is not trusted. Rejects with BuildError ARCHIVE_INVALID, NO_SPACE, KERNEL_REFUSED or IO; `directory` is then half
 * made, and must be thrown away.
 */
export async function applyLayer(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ApplyOptions,
  signal: AbortSignal,
): Promise<Applied> {
  const applier = new LayerApplier(options);
  try {
    await readTar(source, applier, signal, options);
    return applier.finish();
  } finally {
    applier.close();
  }
}

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';
const metaPrefix = '.wh..wh.';
const mostLinks = 255;
class LayerApplier implements TarHandler {
  readonly #root: string;
  readonly #below: LayerView;
  readonly #hasBelow: boolean;
  readonly #prefix: OverlayPrefix;
  readonly #unprivileged: boolean;
  /** Directories of the layer that are known to be real ones. */
  readonly #directories = new Set<string>(['']);
  /** Paths that the layer itself has made so far. */
  readonly #made = new Set<string>();
  readonly #opaque = new Set<string>();
  readonly #times = new Map<string, Timestamp>();
  readonly #skipped: string[] = [];
  #file: {readonly descriptor: number; readonly entry: TarEntry; readonly path: string; written: number} | undefined;
  #entries = 0;
  #bytes = 0;

  constructor(options: ApplyOptions) {
    this.#root = byteString(options.directory);
    this.#prefix = options.prefix ?? 'trusted.overlay.';
    const lowers = options.lowers ?? [];
    this.#hasBelow = lowers.length > 0;
    this.#below = new LayerView(lowers, this.#prefix, true);
    this.#unprivileged = options.unprivileged ?? false;
  }

  entry(entry: TarEntry): void {
    this.#entries++;
    try {
      this.#entry(entry);
    } catch (error) {
      throw layerError(`cannot apply ${quote(display(entry.name))} of the layer`, error);
    }
  }

  data(chunk: Buffer, offset: number): void {
    const file = this.#file;
    if (file === undefined) return;
    try {
      writeAll(file.descriptor, chunk, offset);
    } catch (error) {
      throw layerError(`cannot write ${quote(display(file.entry.name))} of the layer`, error);
    }
    file.written = offset + chunk.length;
    this.#bytes += chunk.length;
  }

  end(): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    const {descriptor, entry} = file;
    try {
      // A hole at the end of a sparse file.
      if (file.written < entry.size) ftruncateSync(descriptor, entry.size);
      fchownSync(descriptor, entry.uid, entry.gid);
      // After the owner: the kernel clears setuid and capabilities when that changes.
      fchmodSync(descriptor, entry.mode);
      this.#xattrs(file.path, entry);
      syscalls().setFileTimes(descriptor, entry.mtime);
    } catch (error) {
      throw layerError(`cannot apply ${quote(display(entry.name))} of the layer`, error);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Times of directories come last: what is made in them changes them. */
  finish(): Applied {
    if (this.#opaque.has('')) this.#hideAllBelow();
    for (const [path, time] of this.#times) syscalls().setTimes(bytesOf(this.#real(path)), time);
    return {entries: this.#entries, bytes: this.#bytes, skipped: this.#skipped};
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.descriptor);
    this.#file = undefined;
  }

  #real(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`;
  }

  #entry(entry: TarEntry): void {
    const components = cleanComponents(entry.name);
    const name = components.pop();
    if (name === undefined) {
      if (entry.type === 'directory') this.#metadata('', entry);
      return;
    }
    if (components.some((part) => part.startsWith(whiteoutPrefix))) {
      // Auxiliary files of AUFS live in such directories.
      if (components[0]?.startsWith(metaPrefix) === true) return;
      throw tarInvalid('a whiteout is not a directory', entry.name);
    }
    if (name.startsWith(whiteoutPrefix)) {
      this.#marker(components, name, entry);
      return;
    }
    const parent = this.#parent(components, entry);
    const path = join(parent, name);
    if (entry.type === 'character-device' && entry.major === 0 && entry.minor === 0) this.#whiteout(parent, name);
    else if (entry.type === 'hardlink') this.#hardlink(path, entry);
    else this.#make(path, entry);
  }

  #marker(components: readonly string[], name: string, entry: TarEntry): void {
    if (name === opaqueMarker) {
      const directory = this.#parent(components, entry);
      this.#makeOpaque(directory);
      return;
    }
    if (name.startsWith(metaPrefix)) return;
    const hidden = name.slice(whiteoutPrefix.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw tarInvalid('a whiteout names nothing', entry.name);
    this.#whiteout(this.#parent(components, entry), hidden);
  }

  #makeOpaque(directory: string): void {
    this.#opaque.add(directory);
    // The kernel ignores the mark on the root: see hideAllBelow.
    if (directory !== '')
      syscalls().setXattr(bytesOf(this.#real(directory)), `${this.#prefix}opaque`, Buffer.from('y'));
  }

  #whiteout(parent: string, name: string): void {
    const path = join(parent, name);
    const stats = lstatOf(this.#real(path));
    if (this.#made.has(path)) {
      // A whiteout hides what the layers below have, and never an entry of its own layer.
      if (stats?.isDirectory() === true) this.#makeOpaque(path);
      return;
    }
    if (stats !== undefined) this.#remove(path);
    // Where there is nothing to hide, the device itself would show in a directory that no other layer has.
    if (this.#visibleBelow(path) !== undefined) syscalls().makeNode(bytesOf(this.#real(path)), constants.S_IFCHR, 0, 0);
  }

  #hideAllBelow(): void {
    for (const name of this.#below.children('')) {
      const stats = lstatOf(this.#real(name));
      if (stats === undefined) syscalls().makeNode(bytesOf(this.#real(name)), constants.S_IFCHR, 0, 0);
      else if (stats.isDirectory()) this.#makeOpaque(name);
    }
  }

  #make(path: string, entry: TarEntry): void {
    const real = bytesOf(this.#real(path));
    const before = lstatOf(this.#real(path));
    const merges = before?.isDirectory() === true && entry.type === 'directory';
    if (before !== undefined && !merges) this.#remove(path);
    this.#made.add(path);
    switch (entry.type) {
      case 'directory':
        if (!merges) mkdirSync(real, 0o700);
        this.#directories.add(path);
        // What was here, and not a directory, hid what the layers below have.
        if (before !== undefined && !merges && this.#below.lookup(path) !== undefined) this.#makeOpaque(path);
        break;
      case 'file': {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        this.#file = {descriptor: openSync(real, flags, 0o600), entry, path, written: 0};
        return;
      }
      case 'symlink':
        if (entry.link === '') throw tarInvalid('a symbolic link has no target', entry.name);
        symlinkSync(bytesOf(entry.link), real);
        break;
      case 'fifo':
        syscalls().makeNode(real, constants.S_IFIFO | 0o600, 0, 0);
        break;
      case 'character-device':
      case 'block-device': {
        const type = entry.type === 'block-device' ? constants.S_IFBLK : constants.S_IFCHR;
        if (this.#unprivileged) {
          this.#skip(`device ${display(path)}`);
          return;
        }
        syscalls().makeNode(real, type | 0o600, entry.major, entry.minor);
        break;
      }
      case 'hardlink':
        return;
    }
    this.#metadata(path, entry);
  }

  #hardlink(path: string, entry: TarEntry): void {
    const components = cleanComponents(entry.link);
    const name = components.pop();
    if (name === undefined) throw tarInvalid('a hard link names the root', entry.name);
    const target = join(this.#parent(components, entry, false), name);
    if (target === path) return;
    let stats = lstatOf(this.#real(target));
    if (stats === undefined) {
      const below = this.#visibleBelow(target);
      if (below?.stats.isFile() === true) {
        copyUp(below.real, this.#real(target));
        stats = lstatSync(bytesOf(this.#real(target)));
      } else if (below?.stats.isSymbolicLink() === true) {
        symlinkSync(readlinkSync(bytesOf(below.real), 'buffer'), bytesOf(this.#real(target)));
        stats = below.stats;
      }
    }
    if (stats === undefined || isWhiteout(stats)) {
      throw tarInvalid(`the target ${quote(display(entry.link))} of a hard link is not there`, entry.name);
    }
    if (stats.isDirectory()) throw tarInvalid('a hard link to a directory', entry.name);
    if (lstatOf(this.#real(path)) !== undefined) this.#remove(path);
    this.#made.add(path);
    // link(2) does not follow a target that is a symlink: the link itself gets another name.
    linkSync(bytesOf(this.#real(target)), bytesOf(this.#real(path)));
  }

  /** Owner, mode, attributes and time of what is at `path`; a directory's time is kept for the end. */
  #metadata(path: string, entry: TarEntry): void {
    const real = bytesOf(this.#real(path));
    lchownSync(real, entry.uid, entry.gid);
    if (entry.type !== 'symlink') chmodSync(real, entry.mode);
    this.#xattrs(path, entry);
    if (entry.type === 'directory') this.#times.set(path, entry.mtime);
    else syscalls().setTimes(real, entry.mtime);
  }

  #xattrs(path: string, entry: TarEntry): void {
    const skipped = setXattrs(this.#real(path), entry, this.#unprivileged);
    for (const name of skipped) this.#skip(`attribute ${name} of ${display(path)}`);
  }

  #skip(what: string): void {
    if (this.#skipped.length < 100) this.#skipped.push(what);
  }

  /** The directory at `components` as a path without symlinks, made in this layer where it is only below or nowhere. */
  #parent(components: readonly string[], entry: TarEntry, make = true): string {
    const plain = components.join('/');
    if (this.#directories.has(plain)) return plain;
    const todo = [...components].reverse();
    let at = '';
    let links = 0;
    while (todo.length > 0) {
      const part = todo.pop() ?? '';
      if (part === '' || part === '.') continue;
      if (part === '..') {
        at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
        continue;
      }
      const path = join(at, part);
      if (this.#directories.has(path)) {
        at = path;
        continue;
      }
      const found = this.#find(path);
      if (found?.stats.isSymbolicLink() === true) {
        if (++links > mostLinks) throw tarInvalid('too many symbolic links on the way', entry.name);
        const target = readlinkSync(bytesOf(found.real), {encoding: 'latin1'});
        if (target.startsWith('/')) at = '';
        todo.push(...target.split('/').reverse());
        continue;
      }
      if (found !== undefined && !found.stats.isDirectory()) {
        throw tarInvalid(`${quote(display(path))} is not a directory`, entry.name);
      }
      if (found === undefined && !make)
        throw tarInvalid(`the target ${quote(display(entry.link))} of a hard link is not there`, entry.name);
      this.#own(path, found, entry.mtime);
      at = path;
    }
    return at;
  }

  /** What the layer with those below it shows at `path` so far. */
  #find(path: string): Located | undefined {
    const stats = lstatOf(this.#real(path));
    if (stats !== undefined) return isWhiteout(stats) ? undefined : {real: this.#real(path), stats};
    return this.#visibleBelow(path);
  }

  #visibleBelow(path: string): Located | undefined {
    if (!this.#hasBelow) return undefined;
    if (this.#opaque.size > 0) {
      for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
        if (this.#opaque.has(path.slice(0, slash))) return undefined;
      }
      if (this.#opaque.has('')) return undefined;
    }
    return this.#below.lookup(path);
  }

  /** Makes sure that the directory `path` is in this layer. */
  #own(path: string, found: Located | undefined, time: Timestamp): void {
    const real = this.#real(path);
    if (found === undefined) {
      const hidden = lstatOf(real) !== undefined;
      if (hidden) this.#remove(path);
      mkdirSync(bytesOf(real), 0o755);
      chmodSync(bytesOf(real), 0o755);
      if (hidden) this.#makeOpaque(path);
      // The layer has no entry for it: it gets a time that does not vary between runs.
      this.#times.set(path, time);
    } else if (found.real !== real) {
      copyUp(found.real, real);
      this.#times.set(path, timestampOf(lstatSync(bytesOf(real), {bigint: true}).mtimeNs));
    }
    this.#directories.add(path);
  }

  #remove(path: string): void {
    const real = bytesOf(this.#real(path));
    const stats = lstatSync(real);
    if (stats.isDirectory()) {
      for (const name of readdirSync(real, {encoding: 'latin1'})) this.#remove(join(path, name));
      rmdirSync(real);
    } else {
      unlinkSync(real);
    }
    this.#directories.delete(path);
    this.#times.delete(path);
    this.#opaque.delete(path);
    this.#made.delete(path);
  }
}

function join(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`;
}
