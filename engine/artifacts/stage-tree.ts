import {posix} from 'node:path';
import {readTar} from '../base/tar-entries.js';

/** Tar stream of a path in a stage (its index); the path itself is the first entry, named by its last part. */
export type ReadTree = (stage: number, path: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;

export interface StageFile {
  /** Absolute path in the stage, below the path that was asked for. */
  readonly path: string;
  /** Below the path that was asked for; empty for that itself. */
  readonly relative: string;
  readonly kind: 'file' | 'directory' | 'link' | 'symlink' | 'special';
  /** Bytes. */
  readonly size: number;
  /** Links: absolute path in the stage of what they name. It may lie outside of the path that was asked for. */
  readonly target: string | undefined;
  readonly content: () => AsyncIterable<Uint8Array>;
}

/** Path of `name` below `directory`, which no `..` leaves: `/` is its own parent. */
export function resolveInStage(directory: string, name: string): string {
  return posix.resolve('/', directory, name);
}

/** What a stage has at a path. Names cannot lead out: each is a path below the one that was asked for. */
export async function* readStage(
  readTree: ReadTree,
  stage: number,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<StageFile> {
  const base = posix.basename(path);
  // Undefined until the first entry tells whether the names begin with that of the path itself.
  let root: string | undefined;
  for await (const {header, content} of readTar(readTree(stage, path, signal), signal)) {
    const name = clean(header.name);
    root ??= name === base ? base : '';
    const relative = below(name, root);
    const full = resolveInStage(path, relative);
    yield {
      path: full,
      relative,
      kind: kindOf(header.type),
      size: header.type === 'file' ? header.size : 0,
      target:
        header.type === 'symlink'
          ? resolveInStage(posix.dirname(full), header.linkname)
          : header.type === 'link'
            ? resolveInStage(path, below(clean(header.linkname), root))
            : undefined,
      content,
    };
  }
}

/** Without `.`, empty parts and `..`, which stops at the top. */
function clean(name: string): string {
  return resolveInStage('/', name).slice(1);
}

function below(name: string, root: string): string {
  if (root === '') return name;
  if (name === root) return '';
  return name.startsWith(`${root}/`) ? name.slice(root.length + 1) : name;
}

function kindOf(type: string): StageFile['kind'] {
  if (type === 'file' || type === 'contiguous-file') return 'file';
  return type === 'directory' || type === 'link' || type === 'symlink' ? type : 'special';
}
