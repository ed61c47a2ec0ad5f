import {randomBytes} from 'node:crypto';
import {open, rename, rm, stat} from 'node:fs/promises';
import {dirname} from 'node:path';
import type {Writable} from 'node:stream';
import {BuildError, hasErrno, messageOf} from '../../../base/errors.js';
import {makeDirectories} from '../../../base/make-directories.js';

/** Takes what an output writes to standard output; the next piece comes when it is done. */
export type WriteOut = (bytes: Uint8Array) => Promise<void> | void;

/** The BuildError for a failed write to `path`. */
export function writeFailure(path: string, error: unknown): unknown {
  if (error instanceof BuildError || !(error instanceof Error) || !('code' in error)) return error;
  const full = hasErrno(error, 'ENOSPC', 'EDQUOT');
  return new BuildError(full ? 'NO_SPACE' : 'IO', `cannot write the output ${path}: ${messageOf(error)}`, {
    cause: error,
    remedy: full ? 'Free some space, or choose another destination.' : 'Check the directory and its permissions.',
  });
}

/**
 * A file that is there whole or not at all: written beside its place, fsynced, renamed. Parents are made. What is no regular
 * file (`/dev/stdout`, a pipe) is written to as it is. Rejects with NO_SPACE, IO, the source's error or the signal's reason.
 */
export async function writeFileWhole(
  path: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const beside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  let written = false;
  try {
    await guard(path, () => Promise.resolve().then(() => makeDirectories(dirname(path))));
    const special = await isSpecial(path);
    const file = await guard(path, () => (special ? open(path, 'w') : open(beside, 'wx', 0o644)));
    try {
      for await (const chunk of source) {
        signal.throwIfAborted();
        // One write may be short.
        await guard(path, () => writeAll(file, chunk));
      }
      if (!special) await guard(path, () => file.sync());
    } finally {
      await file.close();
    }
    if (!special) await guard(path, () => rename(beside, path));
    written = true;
  } finally {
    // The first error is the one to tell.
    if (!written) await rm(beside, {force: true}).catch(() => undefined);
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length;) done += (await file.write(chunk, done)).bytesWritten;
}

async function isSpecial(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() === true) {
    throw new BuildError('USAGE', `the output's destination ${path} is a directory`, {
      remedy: 'Name a file: dest=PATH/image.tar.',
    });
  }
  return found !== undefined && !found.isFile();
}

async function guard<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/** To a file, or for `-` and undefined to standard output. */
export async function writeStream(
  destination: string | undefined,
  source: AsyncIterable<Uint8Array>,
  stdout: WriteOut,
  signal: AbortSignal,
): Promise<void> {
  if (destination !== undefined && destination !== '-') return writeFileWhole(destination, source, signal);
  for await (const chunk of source) {
    signal.throwIfAborted();
    await stdout(chunk);
  }
}

/** Resolves when the next piece may come; nothing where there is no stream. Rejects with IO where nobody reads any more. */
export async function writeToStream(stdout: Writable | undefined, bytes: Uint8Array): Promise<void> {
  if (stdout === undefined) return;
  await new Promise<void>((resolve, reject) => {
    stdout.write(bytes, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(new BuildError('IO', `cannot write to standard output: ${error.message}`, {cause: error}));
    });
  });
}
