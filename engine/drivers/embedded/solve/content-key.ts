import {createHash} from 'node:crypto';
import {BuildError} from '../../../base/errors.js';
import type {BuildContext} from '../../../context/context.js';
import {isGitUrl, withoutPassword} from '../../../context/source/git-url.js';
import {writtenTo} from '../../../context/unreadable.js';
import {canonicalJson, type KeyPart} from '../../../plan/cache-key.js';
import type {Mount, Operation, Source} from '../../../stages/graph.js';
import {readContent, writeContent} from '../../../store/contents.js';
import {type Store, temporaryPath} from '../../../store/store.js';
import type {BuildRequest} from '../../driver.js';
import {contextMemory, type DigestMemory, noMemory} from '../files/digest-memory.js';
import {entryDigest, type SourceDigest, sourceDigests} from '../files/digests.js';
import {keepList, listDigest} from '../files/file-list.js';
import {fetchSources, type Fetched, isRemote} from '../files/remote-source.js';
import {type SeenSource, seenSource} from '../files/seen-source.js';
import {type CopySource, openSource} from '../files/source-tree.js';
import type {TransferOperation} from '../files/step.js';
import {NotCached} from './not-cached.js';
import type {Tree} from './tree.js';

/**
 * What COPY and ADD read, as a part of their keys: the digest of a list of files. What was fetched for it is kept until
 * `close`.
 */
export interface ContentKeys {
  of(
    operation: Operation,
    source: Source,
    mount: Mount | undefined,
    tree: Tree | undefined,
  ): Promise<readonly KeyPart[]>;
  fetched(operation: TransferOperation): readonly Fetched[] | undefined;
  /** The context that COPY or ADD reads, as it was when its key was made. */
  seen(operation: Operation): CopySource | undefined;
  /**
   * To be called when a step has read what it reads: a file of a context that was written to since its key was made would be found
   * under the key of what it was. `isSure`: where the step compared what it read, that was the same. Rejects with CONTEXT_CHANGED.
   */
  unchanged(operation: Operation, isSure: boolean): Promise<void>;
  close(): void;
}

export interface ContentKeyParts {
  readonly store: Store;
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
  /** Every source that the build reads from the main context. */
  readonly asked: readonly string[];
  /** Shows a tree as a directory; undefined: this process does not, and what it does not know is `NotCached`. */
  readonly mountTree: ((tree: Tree) => Promise<string>) | undefined;
  /** Which files there were is kept for `explain`; not where nothing is going to run. */
  readonly keepLists: boolean;
  /** What imported caches know of a selection; undefined where there are none. */
  readonly imported?: ((key: string) => Promise<string | undefined>) | undefined;
  /** Told of every selection of another stage or image: its key, and the digest of what was selected. */
  readonly selected?: (key: string, digest: string) => void;
}

/** What the key of a step says of a context, and how to look again. */
interface Read {
  readonly seen: SeenSource;
  readonly digest: string;
  readonly again: () => Promise<string>;
}

export function createContentKeys(given: ContentKeyParts): ContentKeys {
  const {store, request, signal, mountTree, keepLists} = given;
  const fetchedOf = new Map<Operation, readonly Fetched[]>();
  const closers: (() => void)[] = [];
  const memories = new Map<string, DigestMemory>();
  const readOf = new Map<Operation, Read[]>();
  return {
    fetched: (operation) => fetchedOf.get(operation),
    async of(asked, source, mount, tree) {
      const operation = mount === undefined ? asked : copyOf(mount);
      if (operation.kind !== 'copy' && operation.kind !== 'add') return [];
      const name = mount === undefined ? 'files' : `mount ${mount.target ?? ''}`;
      const part = (value: string): readonly KeyPart[] => [{kind: 'content', name, value}];
      const fetched = await fetch(operation);
      if (tree === undefined) {
        const context = contextOf(request, source);
        const expected = mount === undefined && source.kind === 'main-context' ? given.asked : undefined;
        const options = {memory: memoryOf(context), fetched, asked: expected};
        const look = (from: CopySource) => sourceDigests(operation, from, options, signal);
        const now: CopySource = {kind: 'context', context};
        // Nothing is going to read it here.
        if (mountTree === undefined) return part(await listed(await look(now)));
        const seen = seenSource(openSource(now));
        const digest = await listed(await look({kind: 'seen', tree: seen}));
        const again = async () => listDigest(await look(now));
        readOf.set(asked, [...(readOf.get(asked) ?? []), {seen, digest, again}]);
        return part(digest);
      }
      const key = createHash('sha256')
        .update(canonicalJson([tree.key, [...operation.sources], [...operation.excludes], operation.parents]))
        .digest('hex');
      const here = readContent(store, key);
      const known = here ?? (await given.imported?.(key));
      if (known !== undefined) {
        if (here === undefined) writeContent(store, key, known);
        given.selected?.(key, known);
        return part(known);
      }
      if (mountTree === undefined) throw new NotCached('content of another stage');
      const root = await mountTree(tree);
      const digests = await sourceDigests(operation, {kind: 'directory', root}, {memory: noMemory, fetched}, signal);
      const digest = await listed(digests);
      writeContent(store, key, digest);
      given.selected?.(key, digest);
      return part(digest);
    },
    seen(operation) {
      const [only, ...others] = readOf.get(operation) ?? [];
      return only === undefined || others.length > 0 ? undefined : {kind: 'seen', tree: only.seen};
    },
    async unchanged(operation, isSure) {
      for (const {seen, digest, again} of readOf.get(operation) ?? []) {
        const isSame = seen.isSame((path, stats) => entryDigest(seen, path, stats));
        if ((isSure && isSame) || (await again()) === digest) continue;
        throw writtenTo('a file of the build context was written to while the step read it');
      }
    },
    close() {
      for (const close of closers.splice(0)) close();
    },
  };

  /** One for all steps that read the same directory, and for the second look at it. */
  function memoryOf(context: BuildContext): DigestMemory {
    const memory = memories.get(context.root) ?? contextMemory(store.root, context);
    memories.set(context.root, memory);
    return memory;
  }

  async function listed(digests: readonly SourceDigest[]): Promise<string> {
    const digest = listDigest(digests);
    if (keepLists) await keepList(store.root, digest, digests);
    return digest;
  }

  async function fetch(operation: TransferOperation): Promise<readonly Fetched[]> {
    const known = fetchedOf.get(operation);
    if (known !== undefined) return known;
    if (operation.kind === 'copy' || !operation.sources.some(isRemote)) return [];
    const {checksum, sources: urls} = operation;
    // The digest that is asked for is the key, not what is there: the file is fetched only where the step has to run.
    const [only = ''] = urls;
    if (checksum !== undefined && urls.length === 1 && !isGitUrl(only))
      return [{source: withoutPassword(only), kind: 'file', name: '', path: '', digest: checksum}];
    // What is fetched is wanted again by the step itself: only the process that may run it fetches.
    if (mountTree === undefined) throw new NotCached('what ADD fetches');
    const sources = await fetchSources(operation, temporaryPath(store), signal);
    closers.push(sources.close);
    fetchedOf.set(operation, sources.all);
    return sources.all;
  }
}

/** A bind mount reads what a COPY of its source would. */
export function copyOf({source}: Pick<Mount, 'source'>, destination = '/'): TransferOperation {
  return {
    kind: 'copy',
    source: {kind: 'main-context'},
    sources: [source === '' ? '/' : source],
    destination,
    files: [],
    chown: undefined,
    chmod: undefined,
    link: false,
    parents: false,
    excludes: [],
    checksum: undefined,
    keepGitDir: false,
    unpack: undefined,
  };
}

/** The build context, or the directory of a named one. */
export function contextOf({context, contexts}: BuildRequest, source: Source): BuildContext {
  if (source.kind === 'main-context') return context;
  const named = source.kind === 'context' ? contexts.get(source.name) : undefined;
  if (named?.kind === 'directory') return named.context;
  throw new BuildError('UNSUPPORTED', 'this source is no directory');
}
