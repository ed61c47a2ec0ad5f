import {chmodSync, mkdirSync, rmSync, writeFileSync} from 'node:fs';
import {basename, dirname, join as joinPath} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';
import type {Operation} from '../../../stages/graph.js';
import {isFile} from './file-stats.js';
import {byteString, cleanComponents, stepError} from './byte-path.js';
import {createCopyPool} from './copy-pool.js';
import {TreeCopier, type CopyRules} from './copy-tree.js';
import {locate, openDestination} from './destination.js';
import {parseMode} from './mode.js';
import {findOwner} from './owner.js';
import {compilePatterns} from './patterns.js';
import {fetchSources, isRemote, type Fetched} from './remote-source.js';
import type {CopyReuse} from './reuse.js';
import {pivot, selectSource} from './select.js';
import {isTar, unpack, type ArchiveSource} from './unpack.js';
import {hasWildcard} from './wildcard.js';
import {directoryTree, openSource, type CopySource, type SourceTree} from './source-tree.js';

export type FileOperation = Extract<Operation, {kind: 'copy' | 'add' | 'workdir'}>;
export type TransferOperation = Extract<Operation, {kind: 'copy' | 'add'}>;

export interface StepOptions {
  /** What COPY and ADD read from; undefined where the operation has no path as a source. */
  readonly source: CopySource | undefined;
  /** The mounted root of the step's result: an absolute path. Nobody else writes to it meanwhile. */
  readonly root: string;
  /** The step before left an empty image (FROM scratch, and nothing since): only root has a name there. */
  readonly empty: boolean;
  /** `USER` of the config, whose WORKDIR belongs to it; '' for none. */
  readonly user: string;
  /** A new path, at which nothing is, for what is needed meanwhile: large files too. */
  readonly scratch: () => string;
  /** What `fetchSources` brought for the same operation; undefined: fetched now. */
  readonly fetched?: readonly Fetched[];
  /** SOURCE_DATE_EPOCH: the time of what WORKDIR and here-documents make. What is copied keeps its own, as with BuildKit. */
  readonly time: Timestamp | undefined;
  /** Only where `mayReuse` says so; the caller finishes it. */
  readonly reuse?: CopyReuse;
}

/**
 * Does COPY, ADD or WORKDIR in a mounted root as BuildKit does it. Rejects with BuildError (NOT_FOUND for a source that is not
 * there, STEP_FAILED, NO_SPACE, CONTEXT_CHANGED, CONTEXT_UNREADABLE), or with the signal's reason; the root is half changed then,
 * and to be thrown away. Nothing outside the root is written, whatever the tree and the operation hold.
 */
export async function runFileStep(operation: FileOperation, options: StepOptions, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (operation.kind === 'workdir') makeWorkdir(operation.path, options);
  else await transfer(operation, options, signal);
}

function makeWorkdir(path: string, {root, user, empty, time}: StepOptions): void {
  const destination = openDestination(directoryTree(root));
  const owner = user === '' ? undefined : findOwner(destination.tree, user, empty);
  destination.makeDirectories(locate(destination, byteString(path)).path, {mode: 0o755, owner, time});
}

async function transfer(operation: TransferOperation, options: StepOptions, signal: AbortSignal): Promise<void> {
  checkChecksum(operation);
  const destination = openDestination(directoryTree(options.root));
  const {chown, chmod} = operation;
  const rules: CopyRules = {
    owner: chown === undefined ? undefined : findOwner(destination.tree, chown, options.empty),
    mode: parseMode(chmod),
    include: undefined,
    exclude: compilePatterns(operation.excludes, '--exclude'),
    ...(options.reuse !== undefined && {reuse: options.reuse}),
  };
  const written = byteString(operation.destination);
  const pool = createCopyPool(signal);
  let closeRemote = (): void => undefined;
  /** True where the file is an archive that was unpacked. */
  const unpacked = async (archive: ArchiveSource): Promise<boolean> => {
    if (!(await isTar(archive, signal))) return false;
    const into = locate(destination, written).path;
    destination.makeDirectories(into, {mode: 0o755, owner: rules.owner, time: undefined});
    await unpack(archive, destination, into, rules.owner, signal);
    return true;
  };
  const add = async ({kind, name, path}: Fetched): Promise<void> => {
    if (kind === 'file' && operation.unpack === true && (await unpacked({path: byteString(path), shared: false})))
      return;
    const tree: SourceTree = {...directoryTree(kind === 'file' ? dirname(path) : path), owners: 'root'};
    const selected = {path: kind === 'file' ? byteString(basename(path)) : '', name: byteString(name)};
    await new TreeCopier(tree, destination, rules, pool).copy(selected, written);
  };
  try {
    const source = options.source === undefined ? undefined : openSource(options.source);
    const remote = await remoteSources(operation, options, signal);
    closeRemote = remote.close;
    const fetched = [...remote.all];
    for (const text of operation.sources) {
      if (operation.kind === 'add' && isRemote(text)) {
        const one = fetched.shift();
        if (one === undefined) throw new Error('a URL was not fetched');
        await add(one);
        continue;
      }
      if (source === undefined) throw new Error('a step with sources was given nothing to read from');
      if (operation.parents) {
        const {directory, pattern} = pivot(text);
        const include = compilePatterns([pattern], '--parents');
        // Without a wildcard the path has to be there; with one it may match nothing.
        if (!hasWildcard(directory) && !hasWildcard(pattern)) selectSource(source, `${directory}/${pattern}`);
        for (const selected of selectSource(source, directory)) {
          const copier = new TreeCopier(source, destination, {...rules, include}, pool);
          await copier.copy(selected, written);
        }
        continue;
      }
      for (const selected of selectSource(source, text)) {
        const stats = source.lookup(selected.path);
        const mayUnpack = operation.kind === 'add' && operation.unpack !== false;
        if (
          mayUnpack &&
          stats !== undefined &&
          isFile(stats) &&
          (await unpacked({path: `${source.root}/${selected.path}`, shared: source.shared}))
        )
          continue;
        await new TreeCopier(source, destination, rules, pool).copy(selected, written);
        await setImmediate();
        signal.throwIfAborted();
      }
    }
    await copyDocuments(operation, options, (tree, name) =>
      new TreeCopier(tree, destination, {...rules, exclude: undefined}, pool).copy({path: name, name}, written),
    );
  } finally {
    closeRemote();
    await pool.close();
  }
}

function checkChecksum({checksum, sources, files}: TransferOperation): void {
  if (checksum === undefined || (files.length === 0 && sources.every(isRemote))) return;
  throw stepError(
    '--checksum is for URLs and Git repositories only',
    'Leave it out: a file of the build context is what it is.',
  );
}

async function remoteSources(
  operation: TransferOperation,
  {fetched, scratch}: StepOptions,
  signal: AbortSignal,
): Promise<{readonly all: readonly Fetched[]; readonly close: () => void}> {
  return fetched === undefined ? fetchSources(operation, scratch(), signal) : {all: fetched, close: () => undefined};
}

/** Here-documents, as files of mode 0644 made now, or at `time`. */
async function copyDocuments(
  {files}: TransferOperation,
  {time, scratch}: Pick<StepOptions, 'time' | 'scratch'>,
  copy: (tree: SourceTree, name: string) => Promise<void>,
): Promise<void> {
  if (files.length === 0) return;
  const directory = scratch();
  mkdirSync(directory, 0o700);
  try {
    const tree: SourceTree = {...directoryTree(directory), owners: 'root'};
    for (const {name, content} of files) {
      const [last = 'document', ...below] = cleanComponents(name);
      if (below.length > 0) {
        throw stepError(
          `a here-document named ${JSON.stringify(name)} would lie in a directory, and none is there`,
          'Name it by its last part, and put the directory into the destination.',
        );
      }
      writeFileSync(joinPath(directory, last), content);
      chmodSync(joinPath(directory, last), 0o644);
      if (time !== undefined) syscalls().setTimes(joinPath(directory, last), time);
      await copy(tree, byteString(last));
    }
  } finally {
    rmSync(directory, {recursive: true, force: true});
  }
}
