import {byteString, cleanComponents} from './byte-path.js';
import {resolve} from './resolve.js';
import {selectSource} from './select.js';
import {missing, type SourceTree} from './source-tree.js';
import {hasWildcard} from './wildcard.js';

/**
 * BuildKit asks for no more of the context than what the sources of the whole Dockerfile match. So a directory in front of a
 * wildcard that matches nothing is not there for it, nor is a name with a backslash, which is an escape when it asks: unless
 * another source brings them along. `found`: how many paths the source selects; `asked`: every source that is read from the
 * context. Throws NOT_FOUND.
 */
export function refuseUnsent(tree: SourceTree, written: string, found: number, asked: readonly string[]): void {
  const components = cleanComponents(written);
  const wildcard = components.findIndex(hasWildcard);
  if (wildcard < 0 ? !written.includes('\\') : found > 0 || wildcard === 0) return;
  const path = byteString(components.slice(0, wildcard < 0 ? undefined : wildcard).join('/'));
  const brings = (selected: string): boolean =>
    selected === '' || within(path, selected) || (wildcard > 0 && within(selected, path));
  if (asked.some((source) => matchesOf(tree, source).some(brings))) return;
  throw missing({...tree, ignored: () => false}, resolve(tree, path).path);
}

/** What the client sends for a source. */
function matchesOf(tree: SourceTree, source: string): readonly string[] {
  const components = cleanComponents(source);
  if (components.some(hasWildcard)) return selectSource(tree, source).map(({path}) => path);
  if (source.includes('\\')) return [];
  const path = byteString(components.join('/'));
  return resolve(tree, path).stats === undefined ? [] : [path];
}

const within = (path: string, directory: string): boolean => path === directory || path.startsWith(`${directory}/`);
