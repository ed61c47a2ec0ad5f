import {open, stat} from 'node:fs/promises';
import {BuildError, type ErrorCode, hasErrno, messageOf} from './errors.js';

/**
 * Text of a regular file (symlinks followed) of at most `most` bytes, or undefined where there is none. Rejects with
 * BuildError `code` for anything else: a directory, a pipe (which would wait for ever), a larger file, no permission.
 */
export async function readBounded(
  path: string,
  most: number,
  code: ErrorCode,
  signal: AbortSignal,
): Promise<string | undefined> {
  signal.throwIfAborted();
  try {
    if (!(await stat(path)).isFile()) throw new BuildError(code, 'not a regular file', {file: path});
    const handle = await open(path, 'r');
    try {
      const {size} = await handle.stat();
      if (size > most) throw new BuildError(code, `the file is larger than ${most} bytes`, {file: path});
      return await handle.readFile({encoding: 'utf8', signal});
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    if (error instanceof BuildError) throw error;
    signal.throwIfAborted();
    throw new BuildError(code, `cannot read the file: ${messageOf(error)}`, {file: path, cause: error});
  }
}
