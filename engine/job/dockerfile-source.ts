import {realpath, stat} from 'node:fs/promises';
import {dirname, isAbsolute, join, relative, resolve, sep} from 'node:path';
import {BuildError, hasErrno} from '../base/errors.js';
import {inputStream} from '../base/input-stream.js';
import type {BuildContext} from '../context/context.js';
import type {JobSettings} from './settings.js';

/** The Dockerfile's text, and where it came from. */
export interface DockerfileText {
  /** As the user named it: for errors and for the plan. */
  readonly file: string;
  readonly text: string;
  /** Absolute path on disk; undefined for standard input and inline text. */
  readonly path: string | undefined;
}

/** Where it is looked for below a context. */
export const defaults = ['docker/Dockerfile', 'Dockerfile', 'dockerfile'] as const;

/** Absolute path of the Dockerfile where it is on disk; undefined where the context holds it or it is given as text. */
export async function locateDockerfile(
  settings: JobSettings,
  localContext: string | undefined,
): Promise<string | undefined> {
  const {dockerfile, directory} = settings;
  if (dockerfile.kind === 'path') {
    // As the docker client: relative to the working directory; for a remote context inside that.
    return localContext === undefined && !isAbsolute(dockerfile.path) ? undefined : resolve(directory, dockerfile.path);
  }
  if (dockerfile.kind !== 'default' || localContext === undefined) return undefined;
  for (const name of defaults) {
    const path = join(localContext, name);
    if (await isFile(path)) return path;
  }
  throw new BuildError('DOCKERFILE_NOT_FOUND', `no Dockerfile in ${shown(localContext, directory)}`, {
    remedy: `Looked for ${defaults.slice(0, 2).join(' and ')}; name another one with --file.`,
  });
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** Path relative to `directory` where it lies below it, else as it is. */
export function shown(path: string, directory: string): string {
  const below = relative(directory, path);
  if (below === '') return '.';
  return below.startsWith('..') || isAbsolute(below) ? path : below;
}

/** Rejects with DOCKERFILE_NOT_FOUND, naming files of the same directory that look like one. */
export async function readDockerfile(path: string, directory: string, signal: AbortSignal): Promise<DockerfileText> {
  const file = shown(path, directory);
  try {
    const source = inputStream(path, signal);
    if (source === undefined) throw Object.assign(new Error('neither a file nor a pipe'), {code: 'EISDIR'});
    return {file, path, text: decode(await bounded(source), file)};
  } catch (error) {
    signal.throwIfAborted();
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) {
      throw new BuildError('DOCKERFILE_NOT_FOUND', `${file} is not a file`, {
        remedy: `Name the Dockerfile with --file, or the directory it is in as PATH.`,
        cause: error,
      });
    }
    if (hasErrno(error, 'EACCES')) {
      throw new BuildError('DOCKERFILE_NOT_FOUND', `${file} cannot be read: permission denied`, {cause: error});
    }
    throw error;
  }
}

const largest = 16 * 2 ** 20;

/** UTF-8 text; a file that is none, or is huge, is refused before it is parsed. */
export function decode(bytes: Uint8Array, file: string): string {
  if (bytes.length > largest)
    throw new BuildError('DOCKERFILE_SYNTAX', `${file} is larger than 16 MiB: not a Dockerfile`);
  if (bytes.includes(0)) throw new BuildError('DOCKERFILE_SYNTAX', `${file} is binary, not a Dockerfile`);
  return new TextDecoder().decode(bytes);
}

/** The Dockerfile inside a context that was fetched (Git, tarball). */
export async function dockerfileInContext(
  context: BuildContext,
  name: string | undefined,
  signal: AbortSignal,
): Promise<DockerfileText> {
  const names = name === undefined ? defaults : [name];
  for (const candidate of names) {
    // A repository's links must not lead to a file of this machine.
    const path = await realpath(join(context.root, candidate)).catch(() => undefined);
    if (path === undefined || !path.startsWith(`${await realpath(context.root)}${sep}`) || !(await isFile(path)))
      continue;
    return {...(await readDockerfile(path, dirname(path), signal)), file: candidate};
  }
  throw new BuildError('DOCKERFILE_NOT_FOUND', `${context.name} holds no ${names.slice(0, 2).join(' and no ')}`, {
    remedy: 'Name the Dockerfile in the context with --file.',
  });
}

/** Standard input as the text of a Dockerfile. */
export async function dockerfileFromStdin(stdin: AsyncIterable<Uint8Array> | undefined): Promise<DockerfileText> {
  const file = '(standard input)';
  return {file, path: undefined, text: decode(await bounded(stdin ?? []), file)};
}

/** All of it, or just more than what `decode` takes. */
async function bounded(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    chunks.push(chunk);
    if (bytes > largest) break;
  }
  return Buffer.concat(chunks);
}
