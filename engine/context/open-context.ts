import {stat} from 'node:fs/promises';
import {resolve} from 'node:path';
import {BuildError, hasErrno, quote} from '../base/errors.js';
import {directoryContext, type DirectoryContext} from './directory-context.js';
import {findRules, keepPaths} from './ignore-file.js';

export interface ContextOptions {
  /** Absolute path of the Dockerfile, for the `<Dockerfile>.dockerignore` beside it; for a remote context relative to its root. */
  readonly dockerfile?: string;
  /** Paths relative to the root that are sent although the rules ignore them: what a builder needs, as `Dockerfile`. */
  readonly keep?: readonly string[];
}

/**
 * Opens the build context that `spec` names. Rejects with CONTEXT_NOT_FOUND, CONTEXT_UNREADABLE, CONTEXT_INVALID or
 * IGNORE_PATTERN, or with the signal's reason. The caller closes it.
 */
export async function openContext(
  spec: string,
  options: ContextOptions,
  signal: AbortSignal,
): Promise<DirectoryContext> {
  signal.throwIfAborted();
  return openDirectory(spec, resolve(spec), options, signal);
}

/** The context in the directory `root`, which the user named `name`. */
export async function openDirectory(
  name: string,
  root: string,
  options: ContextOptions,
  signal: AbortSignal,
  dispose?: () => Promise<void>,
): Promise<DirectoryContext> {
  await checkDirectory(name, root);
  const dockerfile = options.dockerfile === undefined ? undefined : resolve(root, options.dockerfile);
  const {rules, ignoreFile} = await findRules(root, dockerfile, signal);
  return directoryContext({
    name,
    root,
    rules: keepPaths(rules, options.keep ?? []),
    ignoreFile,
    ...(dispose !== undefined && {dispose}),
  });
}

async function checkDirectory(name: string, root: string): Promise<void> {
  try {
    if ((await stat(root)).isDirectory()) return;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new BuildError('CONTEXT_NOT_FOUND', `build context ${quote(name)} does not exist`, {
        cause: error,
        remedy:
          'Name the directory that holds what the Dockerfile copies, `-` for standard input, or a Git or tarball URL.',
      });
    }
    throw new BuildError('CONTEXT_UNREADABLE', `cannot read the build context ${quote(name)}`, {cause: error});
  }
  throw new BuildError('CONTEXT_INVALID', `build context ${quote(name)} is not a directory`, {
    remedy: 'Name the directory; a Dockerfile is named with --file.',
  });
}
