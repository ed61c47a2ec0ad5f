import {chmodSync, constants, lchownSync, linkSync, lstatSync, mkdirSync, symlinkSync} from 'node:fs';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import {deviceOf} from '../../../base/device-number.js';
import {typeOf} from '../../../base/file-type.js';
import {timestampOf} from '../../../snapshot/metadata.js';
import {type FileStats, isDirectory} from './file-stats.js';
import {join, parentOf, shown, stepError, decodePath} from './byte-path.js';
import {copyHere, type CopyPool} from './copy-pool.js';
import {ioError, locate, type Destination, type Making} from './destination.js';
import {copyXattrs} from './file-copy.js';
import type {ModeChange} from './mode.js';
import type {Owner} from './owner.js';
import type {Matched, PathPatterns} from './patterns.js';
import {targetOf} from './resolve.js';
import type {CopyReuse} from './reuse.js';
import type {Selected} from './select.js';
import type {SourceTree} from './source-tree.js';

/** How a step copies. */
export interface CopyRules {
  /** Undefined: files keep their owner (0:0 in a build context). */
  readonly owner: Owner | undefined;
  readonly mode: ModeChange;
  /** Only what matches, with its parents (`--parents`). */
  readonly include: PathPatterns | undefined;
  readonly exclude: PathPatterns | undefined;
  readonly reuse?: CopyReuse;
}

/** What is copied, and where to. */
interface Entry {
  readonly source: string;
  /** Below what is copied. */
  readonly relative: string;
  readonly target: string;
  readonly stats: FileStats;
  /** Nothing is at the target. */
  readonly isFree: boolean;
}

/** A directory on the way down. */
interface Above {
  readonly source: string;
  readonly target: string;
  readonly stats: FileStats;
  made: boolean;
}

/** Entries after which others may run. */
const pause = 256;

/** Directories of a context's root have no metadata of their own: builders make it anew. */
const plainRoot = {mode: 0o755, uid: 0, gid: 0};

/**
 * Copies one source to `written` (the destination as the instruction has it) by the rules of the Dockerfile reference, COPY: a
 * directory's content goes into the destination, a file into it where it is a directory or ends in a slash, and is named
 * so otherwise. Throws STEP_FAILED, NO_SPACE or CONTEXT_CHANGED; what was copied by then stays.
 */
export class TreeCopier {
  readonly #tree: SourceTree;
  readonly #to: Destination;
  readonly #rules: CopyRules;
  readonly #pool: CopyPool;
  readonly #making: Making;
  /** First copies of files with several names. */
  readonly #inodes = new Map<string, string>();
  /** Times of directories, set when nothing is written into them any more. */
  #times: {readonly path: string; readonly time: Timestamp}[] = [];
  #above: Above[] = [];
  #count = 0;
  #last: {readonly path: string; readonly isPlain: boolean} | undefined;

  constructor(tree: SourceTree, to: Destination, rules: CopyRules, pool: CopyPool) {
    this.#tree = tree;
    this.#to = to;
    this.#rules = rules;
    this.#pool = pool;
    this.#making = {mode: rules.mode.parents, owner: rules.owner, time: undefined};
  }

  async copy(selected: Selected, written: string): Promise<void> {
    const stats = this.#tree.lookup(selected.path);
    if (stats === undefined) throw stepError(`${shown(selected.path)} was removed while the step ran`);
    this.#rules.reuse?.begins(stats);
    const target = this.#target(selected, stats, written);
    this.#inodes.clear();
    this.#times = [];
    this.#above = [];
    const top = {source: selected.path, relative: '', target, stats, isFree: false};
    await this.#copy(top, false, undefined, undefined);
    if (!(await this.#pool.settle())) this.#tree.doubted?.();
    const times = this.#rules.reuse?.complete(this.#times) ?? this.#times;
    for (const {path, time} of times) syscalls().setTimes(this.#to.real(path), time);
  }

  /** Where the source itself goes; the directory above is made. */
  #target(selected: Selected, stats: FileStats, written: string): string {
    const slash = written.lastIndexOf('/');
    const last = written.slice(slash + 1);
    const into = last === '' || last === '.';
    this.#to.makeDirectories(locate(this.#to, into ? written : written.slice(0, slash + 1)).path, this.#making);
    const found = locate(this.#to, written);
    let target = found.path;
    if (!isDirectory(stats) && found.stats !== undefined && isDirectory(found.stats))
      target = join(target, selected.name);
    // A directory itself is made like a parent: only its content and its time come from the source.
    this.#to.makeDirectories(isDirectory(stats) ? target : parentOf(target), this.#making);
    return target;
  }

  /** A promise only where there is something to wait for: there may be very many files. */
  #copy(
    entry: Entry,
    overwrite: boolean,
    includedAbove: Matched | undefined,
    excludedAbove: Matched | undefined,
  ): Promise<void> | undefined {
    const {source, relative, target, stats, isFree} = entry;
    const {include, exclude} = this.#rules;
    const isAll = relative === '' || (include === undefined && exclude === undefined);
    const path = isAll ? '' : decodePath(relative);
    const included = isAll ? undefined : include?.match(path, includedAbove);
    const excluded = isAll ? undefined : exclude?.match(path, excludedAbove);
    const wanted = included?.matched !== false && excluded?.matched !== true;
    if (isDirectory(stats)) return this.#copyDirectory(entry, overwrite, wanted, included, excluded);
    if (wanted && this.#writes(source, target, stats)) {
      this.#makeAbove();
      if (!isFree) this.#to.clear(target);
      this.#leaf(source, target, stats);
    }
    return ++this.#count % pause === 0 ? this.#pool.room() : undefined;
  }

  async #copyDirectory(
    {source, relative, target, stats, isFree}: Entry,
    overwrite: boolean,
    wanted: boolean,
    included: Matched | undefined,
    excluded: Matched | undefined,
  ): Promise<void> {
    if (++this.#count % pause === 0) await this.#pool.room();
    if (wanted) this.#makeAbove();
    const writes = wanted && this.#writes(source, target, stats);
    const created = writes && this.#directory(target, isFree);
    const level: Above = {source, target, stats, made: wanted};
    this.#above.push(level);
    const isEmpty = created || (writes && this.#to.isEmpty(target));
    for (const name of this.#tree.children(source)) {
      const below = this.#tree.lookup(join(source, name));
      if (below === undefined) continue;
      const copying = this.#copy(
        {
          source: join(source, name),
          relative: join(relative, name),
          target: join(target, name),
          stats: below,
          isFree: isEmpty,
        },
        true,
        included,
        excluded,
      );
      if (copying !== undefined) await copying;
    }
    this.#above.pop();
    if (!writes) return;
    if (created || (overwrite && this.#rules.include === undefined)) this.#metadata(source, target, stats);
    if (this.#keepsTime(source)) this.#times.push({path: target, time: timestampOf(stats.mtimeNs)});
  }

  /** False where an earlier run wrote the same there. */
  #writes(source: string, target: string, stats: FileStats): boolean {
    const {reuse} = this.#rules;
    if (reuse === undefined) return true;
    const attributes = this.#attributes(source, stats);
    const keepsTime = this.#keepsTime(source);
    return reuse.wants({target, stats, attributes, source: this.#source(source), keepsTime});
  }

  /** Directories above a path that is copied, which no pattern took themselves: with their metadata, made when needed. */
  #makeAbove(): void {
    for (const level of this.#above) {
      if (level.made) continue;
      if (this.#directory(level.target)) {
        this.#metadata(level.source, level.target, level.stats);
      }
      level.made = true;
    }
  }

  /** True where it was not there. */
  #directory(target: string, isFree = false): boolean {
    if (target === '') return false;
    const there = isFree ? undefined : this.#to.tree.lookup(target);
    if (there !== undefined) {
      if (isDirectory(there)) return false;
      throw stepError(
        `${shown(target)} is not a directory, and cannot be replaced by one`,
        'Copy to another destination, or remove what is there in a step before.',
      );
    }
    try {
      // As long as files are written into it, whoever builds owns it.
      mkdirSync(this.#to.real(target), 0o700);
    } catch (error) {
      throw ioError(`cannot make the directory ${shown(target)}`, error);
    }
    return true;
  }

  #attributes(source: string, stats: FileStats): {mode: number; uid: number; gid: number} {
    const isRoot = source === '' && this.#tree.owners === 'root';
    const mode = isRoot ? plainRoot.mode : Number(stats.mode) & 0o7777;
    const kept = this.#tree.owners === 'kept' ? {uid: Number(stats.uid), gid: Number(stats.gid)} : {uid: 0, gid: 0};
    return {mode: this.#rules.mode.apply(mode, isDirectory(stats)), ...(this.#rules.owner ?? kept)};
  }

  #metadata(source: string, target: string, stats: FileStats): void {
    const real = this.#to.real(target);
    const {mode, uid, gid} = this.#attributes(source, stats);
    try {
      lchownSync(real, uid, gid);
      if (typeOf(stats) !== 'symlink') chmodSync(real, mode);
    } catch (error) {
      throw ioError(`cannot set mode and owner of ${shown(target)}`, error);
    }
    if (source !== '' || this.#tree.owners === 'kept') copyXattrs(this.#source(source), bufferOf(real));
  }

  #source(path: string): Buffer {
    return Buffer.from(`${this.#tree.root}/${path}`, 'latin1');
  }

  /** A directory has the time of its source, also one that was there. */
  #keepsTime(source: string): boolean {
    return source !== '' || this.#tree.owners !== 'root';
  }

  /** Anything but a directory; nothing is at the target. */
  #leaf(source: string, target: string, stats: FileStats): void {
    const type = typeOf(stats);
    const real = this.#to.real(target);
    try {
      if (type === 'file') {
        this.#file(source, target, stats);
        return;
      }
      if (type === 'symlink') symlinkSync(Buffer.from(targetOf(this.#tree.root, source), 'latin1'), real);
      else if (type === 'socket') return;
      else {
        const bits: Readonly<Record<string, number>> = {
          fifo: constants.S_IFIFO,
          'character-device': constants.S_IFCHR,
          'block-device': constants.S_IFBLK,
        };
        const [major, minor] = type === 'fifo' ? [0, 0] : deviceOf(stats.rdev);
        syscalls().makeNode(real, (bits[type] ?? constants.S_IFIFO) | 0o600, major, minor);
      }
    } catch (error) {
      throw ioError(`cannot make ${shown(target)}`, error);
    }
    this.#metadata(source, target, stats);
    syscalls().setTimes(real, timestampOf(stats.mtimeNs));
  }

  /** Files come a directory at a time: the answer for the last one is kept. */
  #isPlain(directory: string): boolean {
    if (this.#last?.path === directory) return this.#last.isPlain;
    const real = this.#to.real(directory);
    const isPlain =
      (lstatSync(real).mode & 0o2000) === 0 && !syscalls().listXattrs(real).includes('system.posix_acl_default');
    this.#last = {path: directory, isPlain};
    return isPlain;
  }

  #file(source: string, target: string, stats: FileStats): void {
    const time = timestampOf(stats.mtimeNs);
    const job = {
      source: `${this.#tree.root}/${source}`,
      shared: this.#tree.shared,
      target: `${this.#to.tree.root}/${target}`,
      size: Number(stats.size),
      ...this.#attributes(source, stats),
      ...time,
      plain: this.#isPlain(parentOf(target)),
      dev: stats.dev,
      ino: stats.ino,
      ctimeNs: stats.ctimeNs,
    };
    if (stats.nlink === 1n) {
      const taken = this.#rules.reuse?.take(job, target);
      if (taken !== 'linked') this.#tree.compared?.(source);
      if (taken === undefined) this.#pool.add(job);
      return;
    }
    const identity = `${stats.dev}:${stats.ino}`;
    const first = this.#inodes.get(identity);
    if (first === undefined) {
      // Here and now: its other names are links to it.
      copyHere(job);
      this.#inodes.set(identity, target);
    } else {
      linkSync(this.#to.real(first), this.#to.real(target));
    }
  }
}

const bufferOf = (path: string | Buffer): Buffer => (typeof path === 'string' ? Buffer.from(path) : path);
