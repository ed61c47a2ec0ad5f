import {createHash} from 'node:crypto';
import {join} from 'node:path';
import {BuildError} from '../../../base/errors.js';
import type {BuildContext} from '../../../context/context.js';
import {contextDigests} from '../../../context/digest.js';
import type {Operation, Source} from '../../../stages/graph.js';
import type {Store} from '../../../store/store.js';
import type {BuildRequest} from '../../driver.js';
import {cleanComponents} from '../files/byte-path.js';
import {compileWildcard, hasWildcard} from '../files/wildcard.js';
import type {Tree} from './tree.js';

type Digests = ReadonlyMap<string, string>;
const digestsOf = new WeakMap<BuildContext, Promise<Digests>>();

/**
 * Key of what a step reads of the build context: path, type, mode and content of every file that its sources name. Times
 * do not count. Files that were not touched since the last build are not read again.
 */
export async function contextKey(
  store: Store,
  operation: Operation,
  request: BuildRequest,
  source: Source,
  signal: AbortSignal,
): Promise<unknown> {
  if (operation.kind !== 'copy' && operation.kind !== 'add') return null;
  const context = contextOf(request, source);
  const paths = operation.sources.filter((path) => !/^[a-z][a-z0-9+.-]*:\/\/|^git@/i.test(path));
  if (paths.length === 0) return null;
  const digests = await (digestsOf.get(context) ?? remember(store, context, signal));
  const hash = createHash('sha256');
  for (const path of paths) {
    const selects = selector(path);
    for (const [name, digest] of digests) if (selects(name)) hash.update(`${name}\0${digest}\0`);
    hash.update('\0');
  }
  return hash.digest('hex');
}

function remember(store: Store, context: BuildContext, signal: AbortSignal): Promise<Digests> {
  const reading = readDigests(store, context, signal);
  digestsOf.set(context, reading);
  return reading;
}

async function readDigests(store: Store, context: BuildContext, signal: AbortSignal): Promise<Digests> {
  const name = createHash('sha256').update(context.root).digest('hex').slice(0, 16);
  const digests = new Map<string, string>();
  const options = {cacheFile: join(store.root, 'checksums', name)};
  for await (const {path, digest} of contextDigests(context, options, signal)) digests.set(path, digest);
  return digests;
}

/** The build context, or the directory of a named one. */
export function contextOf({context, contexts}: BuildRequest, source: Source): BuildContext {
  if (source.kind === 'main-context') return context;
  const named = source.kind === 'context' ? contexts.get(source.name) : undefined;
  if (named?.kind === 'directory') return named.context;
  throw new BuildError('UNSUPPORTED', 'this source is no directory');
}

/** Whether a path of the context is what a source names, or lies below it. */
function selector(source: string): (path: string) => boolean {
  const components = cleanComponents(source);
  const tests = components.map((part) => (hasWildcard(part) ? compileWildcard(part) : (name: string) => name === part));
  return (path) => {
    const names = path.split('/');
    return names.length >= tests.length && tests.every((test, index) => test(names[index] ?? ''));
  };
}

/** Key of what a step reads of another stage or image. */
export function treeContentKey(_store: Store, _operation: Operation, tree: Tree): unknown {
  return tree.key;
}
