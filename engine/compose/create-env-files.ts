import {randomBytes} from 'node:crypto';
import {constants} from 'node:fs';
import {copyFile, link, open, stat, unlink} from 'node:fs/promises';
import {basename, dirname, join} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../base/errors.js';
import type {ComposeBuild, MissingEnvFile} from './compose-build.js';

/**
 * Creates each missing `env_file` from its default, with the default's mode, and returns those it created. A file that
 * came into being meanwhile is left as it is. The file appears whole or not at all. Rejects with IO.
 */
export async function createMissingEnvFiles(
  build: Pick<ComposeBuild, 'missingEnvFiles'>,
  signal: AbortSignal,
): Promise<readonly MissingEnvFile[]> {
  const created: MissingEnvFile[] = [];
  for (const missing of build.missingEnvFiles) {
    signal.throwIfAborted();
    try {
      if (await createFrom(missing)) created.push(missing);
    } catch (error) {
      throw new BuildError('IO', `cannot create it from ${basename(missing.from)}: ${messageOf(error)}`, {
        file: missing.path,
        remedy: `Copy ${missing.from} to ${missing.path} yourself.`,
        cause: error,
      });
    }
  }
  return created;
}

async function createFrom({path, from}: MissingEnvFile): Promise<boolean> {
  const {mode} = await stat(from);
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString('hex')}`);
  try {
    await copyFile(from, beside, constants.COPYFILE_EXCL);
    // Not for writing: the copy of a file that may only be read may not be written to either.
    const handle = await open(beside, 'r');
    try {
      await handle.chmod(mode & 0o777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    return await publish(beside, path);
  } finally {
    await unlink(beside).catch(() => undefined);
  }
}

/** Gives the finished file its name unless the name is taken: a rename would overwrite. */
async function publish(beside: string, path: string): Promise<boolean> {
  try {
    await link(beside, path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    if (!hasErrno(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EMLINK')) throw error;
  }
  // A file system without hard links.
  try {
    await copyFile(beside, path, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EEXIST')) return false;
    throw error;
  }
}
