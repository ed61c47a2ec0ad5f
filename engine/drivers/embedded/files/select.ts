import {isDirectory} from './file-stats.js';
import {byteString, cleanComponents, decodePath, join, nameOf} from './byte-path.js';
import {resolve} from './resolve.js';
import {missing, type SourceTree} from './source-tree.js';
import {compileWildcard, hasWildcard} from './wildcard.js';

/** One source of a step as it is found in its tree. */
export interface Selected {
  /** Where it is, without symlinks. */
  readonly path: string;
  /** The name it gets in a directory: that of the path as written, not of what a symlink leads to. */
  readonly name: string;
}

/**
 * What a source of COPY or ADD names, wildcards and symlinks resolved inside the tree, in the order of BuildKit's walk; none
 * where a wildcard matches nothing. Throws NOT_FOUND naming what is missing, STEP_FAILED for a bad pattern.
 */
export function selectSource(tree: SourceTree, written: string): readonly Selected[] {
  const components = cleanComponents(written);
  const first = components.findIndex(hasWildcard);
  if (first < 0) return [followed(tree, byteString(components.join('/')))];
  const directory = resolve(tree, byteString(components.slice(0, first).join('/')));
  if (directory.stats === undefined) throw missing(tree, byteString(components.slice(0, first).join('/')));
  const tests = components.slice(first).map(compileWildcard);
  const found: string[] = [];
  const descend = (at: string, level: number) => {
    const fits = tests[level];
    if (fits === undefined) return;
    for (const name of tree.children(at)) {
      if (!fits(decodePath(name))) continue;
      const path = join(at, name);
      const stats = tree.lookup(path);
      if (stats === undefined) continue;
      if (level === tests.length - 1) found.push(path);
      else if (isDirectory(stats)) descend(path, level + 1);
    }
  };
  if (isDirectory(directory.stats)) descend(directory.path, 0);
  return found.map((path) => followed(tree, path));
}

function followed(tree: SourceTree, path: string): Selected {
  const {path: at, stats} = resolve(tree, path);
  if (stats === undefined) {
    // A symlink whose end is missing is named with it.
    throw missing(tree, tree.lookup(path) === undefined || at === path ? path : at);
  }
  return {path: at, name: nameOf(path)};
}

/** `--parents`: the directory in front of `/./` is left out of what is kept. */
export function pivot(text: string): {readonly directory: string; readonly pattern: string} {
  const at = text.indexOf('/./');
  const [directory, pattern] = at < 0 ? ['/', text] : [text.slice(0, at), text.slice(at + 3)];
  return {directory, pattern: cleanComponents(pattern).join('/')};
}
