import {createHash} from 'node:crypto';
import {closeSync, readFileSync, readSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../../base/errors.js';
import {syscalls} from '../../../base/syscalls.js';
import {openSourceFile} from '../../../context/open-in-place.js';
import {isOwnXattr} from '../../../snapshot/metadata.js';
import {typeOf} from '../../../context/walk.js';
import {unreadable, changed} from '../../../context/unreadable.js';
import {decodePath, join, nameOf, quotePath, stepError} from './byte-path.js';
import {refuseDanglingLinks} from './dangling-links.js';
import {compilePatterns, type Matched, type PathPatterns} from './patterns.js';
import {isDirectory, isFile, targetOf} from './resolve.js';
import {isRemote, type Fetched} from './remote-source.js';
import {pivot, selectSource} from './select.js';
import {openSource, type CopySource, type SourceTree} from './source-tree.js';
import type {TransferOperation} from './step.js';
import {refuseUnsent} from './unsent.js';
import type {BigIntStats} from 'node:fs';

/** What a step reads at a path; times do not count. */
export interface SourceDigest {
  /** From the root of what is read, with a leading `/`; a URL for what is fetched. */
  readonly path: string;
  /** Permission bits, octal, after a `d` for a directory; `link` for a symlink, `url` for what is fetched. */
  readonly mode: string;
  /** `sha256:` of type, owner, link target, attributes and data. */
  readonly digest: string;
}

export interface SourceDigestOptions {
  /** File that remembers digests between runs; made where it is missing, made anew where it is damaged. */
  readonly cacheFile: string | undefined;
  /** What `fetchSources` brought of URLs and repositories. */
  readonly fetched: readonly Fetched[];
  /** Every source that the build reads from the same context; undefined: all of it is there. */
  readonly asked?: readonly string[] | undefined;
}

/**
 * Digests of everything that COPY or ADD selects, in the order in which it is copied. A path whose device, inode, size, mtime and
 * ctime are those of the last run is not read again, unless it was written within two seconds before. Rejects as the step would
 * for a source that is not there.
 */
export async function sourceDigests(
  operation: TransferOperation,
  source: CopySource | undefined,
  options: SourceDigestOptions,
  signal: AbortSignal,
): Promise<readonly SourceDigest[]> {
  const out: SourceDigest[] = options.fetched.map(({source: path, digest}) => ({path, mode: 'url', digest}));
  const paths = operation.sources.filter((text) => operation.kind === 'copy' || !isRemote(text));
  if (paths.length === 0 || source === undefined) return out;
  const tree = openSource(source);
  const memory = openMemory(options.cacheFile);
  const exclude = compilePatterns(operation.excludes, '--exclude');
  let count = 0;
  for (const text of paths) {
    const {directory, pattern} = operation.parents ? pivot(text) : {directory: text, pattern: undefined};
    const include = pattern === undefined ? undefined : compilePatterns([pattern], '--parents');
    const found = selectSource(tree, directory);
    if (include === undefined && options.asked !== undefined) refuseUnsent(tree, text, found.length, options.asked);
    for (const selected of found) {
      if (selected.path === '' && include === undefined && operation.excludes.length > 0) {
        refuseDanglingLinks(tree, exclude);
      }
      for (const {path, stats} of walk(tree, selected.path, {include, exclude})) {
        const digest = memory.digest(tree, path, stats);
        // The path tells the name, unless a link or a pattern gave it another one.
        const name =
          path === selected.path && nameOf(path) !== selected.name
            ? createHash('sha256').update(`${selected.name}\0${digest}`).digest('hex')
            : '';
        out.push({
          path: `/${decodePath(path)}`,
          mode: path === '' && tree.owners === 'root' ? 'd' : modeOf(stats),
          digest: name === '' ? digest : `sha256:${name}`,
        });
        if (++count % 2048 === 0 || memory.takeLoad()) {
          await setImmediate();
          signal.throwIfAborted();
        }
      }
    }
  }
  memory.save();
  return out;
}

interface Walked {
  readonly path: string;
  readonly stats: BigIntStats;
}

/** What of a source is copied; a directory that is only made for what is in it comes before that. */
function* walk(
  tree: SourceTree,
  top: string,
  patterns: {readonly include: PathPatterns | undefined; readonly exclude: PathPatterns | undefined},
): Generator<Walked, void, undefined> {
  const {include, exclude} = patterns;
  interface Level extends Walked {
    readonly relative: string;
    readonly names: readonly string[];
    next: number;
    told: boolean;
    readonly included: Matched | undefined;
    readonly excluded: Matched | undefined;
  }
  const stats = tree.lookup(top);
  if (stats === undefined) throw stepError(`${quotePath(top)} was removed while the step ran`);
  yield {path: top, stats};
  if (!isDirectory(stats)) return;
  const levels: Level[] = [
    {
      path: top,
      stats,
      relative: '',
      names: tree.children(top),
      next: 0,
      told: true,
      included: undefined,
      excluded: undefined,
    },
  ];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.names[level.next++];
    if (name === undefined) {
      levels.pop();
      continue;
    }
    const path = join(level.path, name);
    const below = tree.lookup(path);
    if (below === undefined) continue;
    const relative = join(level.relative, name);
    const shown = include === undefined && exclude === undefined ? '' : decodePath(relative);
    const included = include?.match(shown, level.included);
    const excluded = exclude?.match(shown, level.excluded);
    const wanted = included?.matched !== false && excluded?.matched !== true;
    if (wanted) {
      for (const above of levels) {
        if (!above.told) yield {path: above.path, stats: above.stats};
        above.told = true;
      }
      yield {path, stats: below};
    }
    if (isDirectory(below)) {
      levels.push({
        path,
        stats: below,
        relative,
        names: tree.children(path),
        next: 0,
        told: wanted,
        included,
        excluded,
      });
    }
  }
}

interface Memory {
  digest(tree: SourceTree, path: string, stats: BigIntStats): string;
  /** True where so much was read since the last time that others should run. */
  takeLoad(): boolean;
  save(): void;
}

const heading = 'build-image source digests 2';
/** Nanoseconds after which a file's times tell a later write apart. */
const settled = 2_000_000_000n;
const chunk = 1024 * 1024;

function openMemory(file: string | undefined): Memory {
  const known = readMemory(file);
  const seen = new Map<string, string>();
  let changes = 0;
  let load = 0;
  let buffer: Buffer | undefined;
  return {
    digest(tree, path, stats) {
      const isRoot = path === '' && tree.owners === 'root';
      if (isRoot) return `sha256:${createHash('sha256').update('root').digest('hex')}`;
      const identity = `${tree.owners === 'kept' ? 'k' : 'r'}${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
      const remembered = known.get(identity);
      if (remembered !== undefined) {
        seen.set(identity, remembered);
        return `sha256:${remembered}`;
      }
      const now = BigInt(Date.now()) * 1_000_000n;
      buffer ??= Buffer.allocUnsafe(chunk);
      const hex = hashEntry(tree, path, stats, buffer);
      load += Number(stats.size) + 4096;
      if (now - stats.mtimeNs > settled && now - stats.ctimeNs > settled) {
        changes++;
        seen.set(identity, hex);
      }
      return `sha256:${hex}`;
    },
    takeLoad() {
      const much = load > 4 * chunk;
      if (much) load = 0;
      return much;
    },
    save() {
      // Other steps read other parts with the same memory: what was not asked for stays, up to a bound.
      if (file === undefined || changes === 0) return;
      const lines = [...new Map([...known, ...seen])].slice(-mostLines).map(([identity, hex]) => `${identity} ${hex}`);
      writeMemory(file, lines);
    },
  };
}

const mostLines = 1_000_000;

function readMemory(file: string | undefined): ReadonlyMap<string, string> {
  if (file === undefined) return new Map();
  let lines: string[];
  try {
    lines = readFileSync(file, 'latin1').split('\n');
  } catch {
    return new Map();
  }
  // Written whole or not at all; the count at the end notices a file that a crash cut.
  if (lines[0] !== heading || lines.at(-1) !== `end ${lines.length - 2}`) return new Map();
  return new Map(lines.slice(1, -1).map((line) => [line.slice(0, -65), line.slice(-64)]));
}

function writeMemory(file: string, lines: readonly string[]): void {
  const beside = `${file}.${process.pid}.${Date.now()}`;
  try {
    writeFileSync(beside, [heading, ...lines, `end ${lines.length}`].join('\n'), {encoding: 'latin1', mode: 0o600});
    renameSync(beside, file);
  } catch {
    // That it cannot be kept is no error: the next run reads again.
    rmSync(beside, {force: true});
  }
}

const modeOf = (stats: BigIntStats): string => {
  const mode = (Number(stats.mode) & 0o7777).toString(8);
  return typeOf(stats) === 'symlink' ? 'link' : isDirectory(stats) ? `d${mode}` : mode;
};

function hashEntry(tree: SourceTree, path: string, stats: BigIntStats, buffer: Buffer): string {
  const full = `${tree.root}/${path}`;
  const type = typeOf(stats);
  const attributes = attributesAt(full, path);
  const fields = [
    type,
    tree.owners === 'kept' ? `${stats.uid}:${stats.gid}` : '',
    type === 'symlink' ? targetOf(tree.root, path) : '',
    type === 'character-device' || type === 'block-device' ? stats.rdev.toString() : '',
    attributes,
    isFile(stats) ? hashData(full, path, stats, buffer, tree.shared) : '',
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

function attributesAt(full: string, path: string): readonly (readonly [string, string])[] {
  const calls = syscalls();
  const raw = Buffer.from(full, 'latin1');
  try {
    return calls
      .listXattrs(raw)
      .filter(isOwnXattr)
      .sort()
      .map((name) => [name, calls.getXattr(raw, name)?.toString('base64') ?? '']);
  } catch (error) {
    throw unreadable(decodePath(path), error);
  }
}

function hashData(full: string, path: string, stats: BigIntStats, buffer: Buffer, shared: boolean): string {
  let file: number;
  try {
    file = openSourceFile(full, shared);
  } catch (error) {
    if (hasErrno(error, 'ELOOP')) throw changed(decodePath(path), 'came to lie behind a symbolic link');
    throw unreadable(decodePath(path), error);
  }
  try {
    const hash = createHash('sha256');
    let length = 0n;
    for (let count = readSync(file, buffer); count > 0; count = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, count));
      length += BigInt(count);
      if (length > stats.size) break;
    }
    if (length !== stats.size) throw changed(decodePath(path), length > stats.size ? 'grew' : 'shrank');
    return hash.digest('hex');
  } finally {
    closeSync(file);
  }
}
