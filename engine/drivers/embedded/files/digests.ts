import {createHash} from 'node:crypto';
import {closeSync, readSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {hasErrno} from '../../../base/errors.js';
import {syscalls} from '../../../base/syscalls.js';
import {openSourceFile} from '../../../context/open-in-place.js';
import {isOwnXattr} from '../../../snapshot/metadata.js';
import {typeOf} from '../../../base/file-type.js';
import {unreadable, changed} from '../../../context/unreadable.js';
import {type FileStats, isDirectory, isFile} from './file-stats.js';
import {decodePath, join, nameOf, quotePath, stepError} from './byte-path.js';
import type {DigestMemory} from './digest-memory.js';
import {refuseDanglingLinks} from './dangling-links.js';
import {compilePatterns, type Matched, type PathPatterns} from './patterns.js';
import {targetOf} from './resolve.js';
import {isRemote, type Fetched} from './remote-source.js';
import {pivot, selectSource} from './select.js';
import {openSource, type CopySource, type SourceTree} from './source-tree.js';
import type {TransferOperation} from './step.js';
import {refuseUnsent} from './unsent.js';

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
  /** What is known from earlier. */
  readonly memory: DigestMemory;
  /** What `fetchSources` brought of URLs and repositories. */
  readonly fetched: readonly Fetched[];
  /** Every source that the build reads from the same context; undefined: all of it is there. */
  readonly asked?: readonly string[] | undefined;
}

/**
 * Digests of everything that COPY or ADD selects, in the order in which it is copied. Rejects as the step would for a source that is
 * not there.
 */
export async function sourceDigests(
  operation: TransferOperation,
  source: CopySource | undefined,
  {memory, fetched, asked}: SourceDigestOptions,
  signal: AbortSignal,
): Promise<readonly SourceDigest[]> {
  const out: SourceDigest[] = fetched.map(({source: path, digest}) => ({path, mode: 'url', digest}));
  const paths = operation.sources.filter((text) => operation.kind === 'copy' || !isRemote(text));
  if (paths.length === 0 || source === undefined) return out;
  const tree = openSource(source);
  const exclude = compilePatterns(operation.excludes, '--exclude');
  let count = 0;
  let load = 0;
  let buffer: Buffer | undefined;
  const read = (path: string, stats: FileStats): string => {
    buffer ??= Buffer.allocUnsafe(chunk);
    load += Number(stats.size) + 4096;
    return hashEntry(tree, path, stats, buffer);
  };
  for (const text of paths) {
    const {directory, pattern} = operation.parents ? pivot(text) : {directory: text, pattern: undefined};
    const include = pattern === undefined ? undefined : compilePatterns([pattern], '--parents');
    const found = selectSource(tree, directory);
    if (include === undefined && asked !== undefined) refuseUnsent(tree, text, found.length, asked);
    for (const selected of found) {
      if (selected.path === '' && include === undefined && operation.excludes.length > 0) {
        refuseDanglingLinks(tree, exclude);
      }
      for (const {path, stats} of walk(tree, selected.path, {include, exclude})) {
        const isRoot = path === '' && tree.owners === 'root';
        const hex = isRoot ? rootDigest : memory.digest(tree.owners, stats, () => read(path, stats));
        if (source.kind === 'seen' && !isRoot) source.tree.digested(path, hex);
        const digest = `sha256:${hex}`;
        // The path tells the name, unless a link or a pattern gave it another one.
        const name =
          path === selected.path && nameOf(path) !== selected.name
            ? createHash('sha256').update(`${selected.name}\0${digest}`).digest('hex')
            : '';
        out.push({
          path: `/${decodePath(path)}`,
          mode: isRoot ? 'd' : modeOf(stats),
          digest: name === '' ? digest : `sha256:${name}`,
        });
        if (++count % 2048 === 0 || load > muchLoad) {
          load = 0;
          await setImmediate();
          signal.throwIfAborted();
        }
      }
    }
  }
  memory.save();
  return out;
}

/** Of the top of a context, which is nobody's. */
const rootDigest = createHash('sha256').update('root').digest('hex');

interface Walked {
  readonly path: string;
  readonly stats: FileStats;
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

/** Bytes that are hashed, with what opening a file costs, before others should run. */
const muchLoad = 4 * 1024 * 1024;
const chunk = 1024 * 1024;

const modeOf = (stats: FileStats): string => {
  const mode = (Number(stats.mode) & 0o7777).toString(8);
  return typeOf(stats) === 'symlink' ? 'link' : isDirectory(stats) ? `d${mode}` : mode;
};

/** 64 hex digits of what is at a path, as `sourceDigests` has it. Throws CONTEXT_CHANGED, CONTEXT_UNREADABLE. */
export const entryDigest = (tree: SourceTree, path: string, stats: FileStats): string =>
  hashEntry(
    tree,
    path,
    stats,
    Buffer.allocUnsafe(Number(stats.size < BigInt(chunk) ? stats.size + 1n : BigInt(chunk))),
  );

function hashEntry(tree: SourceTree, path: string, stats: FileStats, buffer: Buffer): string {
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

function hashData(full: string, path: string, stats: FileStats, buffer: Buffer, shared: boolean): string {
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
