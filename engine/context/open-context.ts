import {realpath, stat, writeFile} from 'node:fs/promises';
import {join, resolve, sep} from 'node:path';
import {BuildError, hasErrno, quote} from '../base/errors.js';
import {inputStream} from '../base/input-stream.js';
import {peek} from '../base/peek.js';
import {directoryContext, type DirectoryContext} from './directory-context.js';
import {findRules, keepPaths} from './ignore-file.js';
import {archiveKind, decompress, peekBytes} from './source/archive.js';
import {defaultLimits, extractTar, type ExtractLimits} from './source/extract.js';
import {checkOut} from './source/git.js';
import {isGitUrl, parseGitUrl, withoutPassword} from './source/git-url.js';
import {download} from './source/remote.js';
import {temporaryDirectory} from './source/temporary.js';

export interface ContextOptions {
  /**
   * The Dockerfile, for the `<Dockerfile>.dockerignore` beside it: an absolute path, or one relative to the context's root (of a Git
   * repository or tarball).
   */
  readonly dockerfile?: string;
  /** Paths relative to the root that are sent although the rules ignore them: what a builder needs, as `Dockerfile`. */
  readonly keep?: readonly string[];
  /** What `-` reads. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** A Git context keeps its `.git`, as `keep-git-dir` in its URL says too. */
  readonly keepGit?: boolean;
  /** Bounds on tarballs. */
  readonly limits?: ExtractLimits;
}

export interface OpenedContext extends DirectoryContext {
  readonly kind: 'directory' | 'git' | 'tarball' | 'dockerfile';
  /** The Dockerfile, where standard input or the URL held that and no archive; it is also in the root, as `Dockerfile`. */
  readonly dockerfileText: string | undefined;
}

/** Most that is taken for the text of a Dockerfile. Bytes. */
const mostText = 16 * 1024 * 1024;

/**
 * Opens the build context that `spec` names: a directory, a Git or HTTP URL, a tarball, or `-` for standard input with a tarball or
 * a Dockerfile in it. Rejects with CONTEXT_NOT_FOUND, CONTEXT_UNREADABLE, CONTEXT_INVALID, GIT_FAILED or IGNORE_PATTERN, or with
 * the signal's reason; nothing is left behind then. The caller closes it.
 */
export async function openContext(spec: string, options: ContextOptions, signal: AbortSignal): Promise<OpenedContext> {
  signal.throwIfAborted();
  if (spec === '-') {
    if (options.stdin === undefined)
      throw new BuildError('USAGE', 'there is no standard input to read the context from');
    return openStream('-', options.stdin, options, signal);
  }
  const path = resolve(spec);
  const found = await kindOf(path);
  if (found === 'absent' && isGitUrl(spec)) {
    const source = parseGitUrl(spec);
    return held(withoutPassword(spec), 'git', options, signal, async (root) => {
      await checkOut({...source, keepGit: source.keepGit || options.keepGit === true}, root, signal);
      return source.subdirectory === undefined ? root : subdirectoryOf(spec, root, source.subdirectory);
    });
  }
  if (found === 'absent' && /^https?:\/\//i.test(spec)) {
    const {bytes} = options.limits ?? defaultLimits;
    return openStream(withoutPassword(spec), download(spec, bytes, signal), options, signal);
  }
  if (found === 'file') {
    const source = inputStream(path, signal);
    if (source === undefined) throw noContext(spec, 'a directory or a tarball');
    return openStream(spec, source, options, signal, 'tarball');
  }
  return {...(await openDirectory(spec, path, options, signal)), kind: 'directory', dockerfileText: undefined};
}

/** The context in the directory `root`, which the user named `name`. */
async function openDirectory(
  name: string,
  root: string,
  options: ContextOptions,
  signal: AbortSignal,
  dispose?: () => Promise<void>,
): Promise<DirectoryContext> {
  if ((await kindOf(root)) === 'absent') {
    throw new BuildError('CONTEXT_NOT_FOUND', `build context ${quote(name)} does not exist`, {
      remedy:
        'Name the directory that holds what the Dockerfile copies, "-" for standard input, or a Git or tarball URL.',
    });
  }
  const dockerfile = options.dockerfile === undefined ? undefined : resolve(root, options.dockerfile);
  // What was fetched may hold links: no ignore file is read through one that leads out.
  const {rules, ignoreFile} = await findRules({root, dockerfile, contained: dispose !== undefined}, signal);
  const kept = keepPaths(rules, options.keep ?? []);
  return directoryContext({name, root, rules: kept, ignoreFile, ...(dispose !== undefined && {dispose})});
}

/** A context in a temporary directory, which `fill` fills; it answers the root of the context. */
async function held(
  name: string,
  kind: OpenedContext['kind'],
  options: ContextOptions,
  signal: AbortSignal,
  fill: (root: string) => Promise<string>,
  dockerfileText?: string,
): Promise<OpenedContext> {
  const temporary = await temporaryDirectory();
  try {
    const root = await fill(temporary.path);
    const context = await openDirectory(name, root, options, signal, () => temporary.remove());
    return {...context, kind, dockerfileText};
  } catch (error) {
    await temporary.remove();
    throw error;
  }
}

/** A stream with a tarball, compressed or not, or (unless `only` is `tarball`) the text of a Dockerfile. */
async function openStream(
  name: string,
  source: AsyncIterable<Uint8Array>,
  options: ContextOptions,
  signal: AbortSignal,
  only?: 'tarball',
): Promise<OpenedContext> {
  const {head, all} = await peek(source, peekBytes);
  const compression = archiveKind(head);
  if (compression !== undefined) {
    return held(name, 'tarball', options, signal, async (root) => {
      await extractTar(decompress(all, compression, signal), root, options.limits ?? defaultLimits, signal);
      return root;
    });
  }
  const text = only === 'tarball' ? undefined : await readText(all);
  if (text === undefined || text.includes('\0') || text.trim() === '') {
    const what = only === 'tarball' ? 'a directory or a tarball' : 'a tarball or a Dockerfile';
    throw noContext(name, what);
  }
  const fill = async (root: string) => {
    await writeFile(join(root, 'Dockerfile'), text);
    return root;
  };
  return held(name, 'dockerfile', options, signal, fill, text);
}

const noContext = (name: string, what: string): BuildError =>
  new BuildError('CONTEXT_INVALID', `build context ${quote(name)} is not ${what}`, {
    remedy: 'Give a directory, a tar (plain, gzip, bzip2, xz or zstd), or the text of a Dockerfile on standard input.',
  });

async function readText(source: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of source) {
    length += part.length;
    if (length > mostText) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function subdirectoryOf(spec: string, root: string, subdirectory: string): Promise<string> {
  const [within, found] = await Promise.all([
    realpath(root),
    realpath(join(root, subdirectory)).catch(() => undefined),
  ]);
  const inside = found === within || found?.startsWith(within + sep) === true;
  if (found !== undefined && inside && (await stat(found)).isDirectory()) return found;
  throw new BuildError('CONTEXT_NOT_FOUND', `${quote(withoutPassword(spec))} has no directory ${quote(subdirectory)}`);
}

async function kindOf(path: string): Promise<'directory' | 'file' | 'absent'> {
  try {
    return (await stat(path)).isDirectory() ? 'directory' : 'file';
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return 'absent';
    throw new BuildError('CONTEXT_UNREADABLE', `cannot read the build context ${quote(path)}`, {cause: error});
  }
}
