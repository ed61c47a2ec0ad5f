import {readdirSync} from 'node:fs';
import {BuildError, hasErrno} from '../../../base/errors.js';
import {lookFor} from '../../../base/lstat.js';
import {nearest} from '../../../base/nearest.js';
import type {BuildContext} from '../../../context/context.js';
import {isBatched} from '../../../context/directory-context.js';
import {rulesOfPatterns, type IgnoreRules, type MatchState} from '../../../context/ignore/ignore.js';
import {realRoot} from '../../../context/open-in-place.js';
import {unreadable} from '../../../context/unreadable.js';
import {fileStats, type FileStats, isDirectory} from './file-stats.js';
import {byteString, decodePath, join, longestName, nameOf, parentOf, shown, systemPath} from './byte-path.js';
import type {Tree} from './resolve.js';
import type {SeenSource} from './seen-source.js';

/** Where COPY and ADD read from: a build context, or the merged root of another stage or image (absolute path). */
export type CopySource =
  | {readonly kind: 'context'; readonly context: BuildContext}
  | {readonly kind: 'directory'; readonly root: string}
  | {readonly kind: 'seen'; readonly tree: SeenSource};

export interface SourceTree extends Tree {
  /** Files of a context belong to 0:0, those of an image to whom they belong. */
  readonly owners: 'root' | 'kept';
  /** Names in a directory, in byte order; what the ignore rules leave out is not there. */
  children(path: string): readonly string[];
  /** Whether the path is there, but left out by the ignore rules. */
  ignored(path: string): boolean;
  /** Others may write to it while it is read. */
  readonly shared: boolean;
  /** Of a tree that is going to be asked whether it is still the same: see `SeenSource`. */
  compared?(path: string): void;
  doubted?(): void;
  /** For a message. */
  readonly name: string;
  readonly ignoreFile: string | undefined;
}

export function openSource(source: CopySource): SourceTree {
  if (source.kind === 'seen') return source.tree;
  return source.kind === 'context' ? contextTree(source.context) : directoryTree(source.root);
}

/** A directory as it is, without rules. */
export const directoryTree = (root: string): SourceTree => rawTree(rootBytes(root));

/** The same for a path that is a byte string already. */
export function rawTree(bytes: string): SourceTree {
  return {
    root: bytes,
    owners: 'kept',
    lookup: (path) => lstatAt(bytes, path),
    children: (path) => namesAt(bytes, path),
    ignored: () => false,
    shared: false,
    name: 'the image',
    ignoreFile: undefined,
  };
}

const rootBytes = (root: string): string => byteString(root === '/' ? '' : root.replace(/\/+$/, ''));

/** A build context behind its ignore rules: what they leave out is not there. */
function contextTree(context: BuildContext): SourceTree {
  const root = realRoot(context.root);
  const rules: IgnoreRules = isBatched(context) ? context.rules : rulesOfPatterns(context.ignorePatterns);
  const tree = {
    root,
    owners: 'root' as const,
    shared: true,
    name: 'the build context',
    ignoreFile: context.ignoreFile,
  };
  if (rules.rules.length === 0) {
    return {
      ...tree,
      lookup: (path) => lstatAt(root, path),
      children: (path) => namesAt(root, path),
      ignored: () => false,
    };
  }
  const states = new Map<string, MatchState>();
  const stateOf = (path: string): MatchState | undefined => {
    if (path === '') return undefined;
    const known = states.get(path);
    if (known !== undefined) return known;
    const state = rules.match(decodePath(path), stateOf(parentOf(path)));
    states.set(path, state);
    return state;
  };
  /** An ignored directory is there where something below it is. */
  const sent = (path: string, stats: FileStats): boolean => {
    if (path === '' || stateOf(path)?.ignored !== true) return true;
    if (!isDirectory(stats) || !rules.mayHoldSent(decodePath(path))) return false;
    return readable(root, path).some((name) => {
      const below = lstatAt(root, join(path, name));
      return below !== undefined && sent(join(path, name), below);
    });
  };
  const lookup = (path: string): FileStats | undefined => {
    const stats = lstatAt(root, path);
    return stats !== undefined && sent(path, stats) ? stats : undefined;
  };
  return {
    ...tree,
    lookup,
    children: (path) =>
      namesAt(root, path).filter((name) => {
        const below = join(path, name);
        if (stateOf(below)?.ignored !== true) return true;
        return rules.mayHoldSent(decodePath(below)) && lookup(below) !== undefined;
      }),
    ignored: (path) => lstatAt(root, path) !== undefined && lookup(path) === undefined,
  };
}

function readable(root: string, path: string): readonly string[] {
  try {
    return namesAt(root, path);
  } catch (error) {
    // An ignored directory that may not be read holds nothing that could be sent.
    if (error instanceof BuildError) return [];
    throw error;
  }
}

function lstatAt(root: string, path: string): FileStats | undefined {
  try {
    const stats = lookFor()(systemPath(`${root}/${path}`));
    return stats === undefined ? undefined : fileStats(stats);
  } catch (error) {
    // No file has such a name. A path that is too long as a whole may be there, below directories that were listed.
    const nobodys = hasErrno(error, 'ENAMETOOLONG') && path.split('/').some((name) => name.length > longestName);
    if (nobodys || hasErrno(error, 'ENOTDIR')) return undefined;
    throw unreadable(decodePath(path), error);
  }
}

function namesAt(root: string, path: string): readonly string[] {
  try {
    return readdirSync(systemPath(`${root}/${path}`), {encoding: 'latin1'}).sort();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw unreadable(decodePath(path), error);
  }
}

/** The error for a source that is not there: what looks like it, and whether the ignore rules left it out. */
export function missing(tree: SourceTree, path: string): BuildError {
  if (tree.ignored(path)) {
    return new BuildError(
      'NOT_FOUND',
      `${shown(path)} is in the build context, but ${tree.ignoreFile ?? 'the ignore file'} leaves it out`,
      {remedy: `Add a line "!${decodePath(path)}" to ${tree.ignoreFile ?? 'the ignore file'}, or copy something else.`},
    );
  }
  const near = nearestName(tree, path);
  return new BuildError('NOT_FOUND', `${shown(path)} is not in ${tree.name}${near}`, {
    remedy: `Check the path: it is taken from the root of ${tree.name}.`,
  });
}

function nearestName(tree: SourceTree, path: string): string {
  const directory = parentOf(path);
  const parent = tree.lookup(directory);
  if (parent === undefined || !isDirectory(parent)) return '';
  const found = nearest(decodePath(nameOf(path)), tree.children(directory).slice(0, 2000).map(decodePath));
  return found === undefined ? '' : ` (did you mean "/${join(decodePath(directory), found)}"?)`;
}
