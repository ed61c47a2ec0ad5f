import {randomBytes} from 'node:crypto';
import {createWriteStream} from 'node:fs';
import {rename, rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {BuildError, hasErrno, messageOf, quote} from '../../../base/errors.js';
import {makeDirectories} from '../../../base/make-directories.js';

/** Writes a file beside its name and renames it there when it is complete. Rejects with NO_SPACE or IO. */
export async function writeFileFrom(
  content: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const partial = `${path}.${randomBytes(6).toString('hex')}.partial`;
  try {
    makeDirectories(dirname(path));
    await pipeline(content, createWriteStream(partial, {flags: 'wx'}), {signal});
    await rename(partial, path);
  } catch (error) {
    await rm(partial, {force: true});
    signal.throwIfAborted();
    throw writeFailure(path, error);
  }
}

/** The error of a path that could not be written; BuildError stays as it is. */
export function writeFailure(path: string, error: unknown): BuildError {
  if (error instanceof BuildError) return error;
  const full = hasErrno(error, 'ENOSPC', 'EDQUOT');
  return new BuildError(full ? 'NO_SPACE' : 'IO', `cannot write ${quote(path)}: ${messageOf(error)}`, {
    ...(full && {remedy: 'Free some space there, or choose another destination.'}),
    cause: error,
  });
}
