import {constants} from 'node:fs';
import {chmod, link, lstat, lutimes, mkdir, open, rm, symlink, utimes} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {extract, type Header} from 'tar-stream';
import {BuildError, hasErrno, messageOf, quote} from '../../../base/errors.js';
import {makeDirectories} from '../../../base/make-directories.js';
import {writeFailure} from './write-file.js';

/** What was left out, because only the system may make it: devices, and the like. */
export interface Unpacked {
  readonly skipped: readonly string[];
}

/**
 * Unpacks a tar stream below the directory `root`, which is made where it is missing. Files belong to this user, replace
 * what is there, and keep mode and time. No path leads outside `root`: not by `..`, not over a symlink.
 */
export async function unpackTar(
  content: AsyncIterable<Uint8Array>,
  root: string,
  signal: AbortSignal,
): Promise<Unpacked> {
  const skipped: string[] = [];
  const directories: {readonly path: string; readonly header: Header}[] = [];
  try {
    makeDirectories(root);
  } catch (error) {
    throw writeFailure(root, error);
  }
  const reader = extract();
  const fed = pipeline(content, reader, {signal});
  fed.catch(() => undefined);
  let current = root;
  try {
    // Listens from here on: no turn may pass since the first bytes could come.
    for await (const entry of reader) {
      const {header} = entry;
      const path = pathBelow(header.name);
      current = join(root, path);
      if (path !== '') await parentsOf(root, path);
      if (header.type === 'directory') {
        await makeDirectory(current);
        directories.push({path: current, header});
      } else if (header.type === 'file' || header.type === 'contiguous-file') {
        await writeEntry(current, header, entry as AsyncIterable<unknown>);
      } else if (header.type === 'symlink') {
        await rm(current, {force: true, recursive: true});
        await symlink(header.linkname, current);
        await lutimes(current, header.mtime, header.mtime);
      } else if (header.type === 'link') {
        const target = pathBelow(header.linkname);
        await parentsOf(root, target);
        await rm(current, {force: true, recursive: true});
        await link(join(root, target), current);
      } else {
        skipped.push(path);
      }
      entry.resume();
    }
    await fed;
    // Last, deepest first: a directory may forbid writing, and what is put into it changes its time.
    for (const {path, header} of directories.reverse()) await setTimesAndMode(path, header);
  } catch (error) {
    signal.throwIfAborted();
    throw writeFailure(current, error);
  }
  return {skipped};
}

/** The path as components joined by `/`, without any `.` or leading `/`. Throws ARTIFACT_UNSAFE_PATH on `..`. */
function pathBelow(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0')) throw unsafe(name);
  return parts.join('/');
}

function unsafe(name: string): BuildError {
  return new BuildError('ARTIFACT_UNSAFE_PATH', `the build result has the path ${quote(name)}, which leads outside`);
}

async function parentsOf(root: string, path: string): Promise<void> {
  const parent = dirname(path);
  if (parent === '.') return;
  let current = root;
  for (const part of parent.split('/')) {
    current = join(current, part);
    const found = await lstat(current).catch((error: unknown) => {
      if (!hasErrno(error, 'ENOENT')) throw error;
      return undefined;
    });
    if (found === undefined) await mkdir(current);
    else if (!found.isDirectory()) {
      throw new BuildError(
        'ARTIFACT_UNSAFE_PATH',
        `${quote(current)} is no directory, but ${quote(path)} lies below it`,
        {
          remedy: 'Remove it, or choose an empty directory as destination.',
        },
      );
    }
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
    const found = await lstat(path);
    if (found.isDirectory()) {
      // One that an earlier output made unwritable; its own mode comes when all is in it.
      if ((found.mode & 0o300) !== 0o300) await chmod(path, (found.mode & 0o777) | 0o700);
      return;
    }
    await rm(path);
    await mkdir(path);
  }
}

async function writeEntry(path: string, header: Header, content: AsyncIterable<unknown>): Promise<void> {
  await rm(path, {force: true, recursive: true});
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(path, flags, 0o600);
  try {
    for await (const chunk of content) await handle.writeFile(chunk as Uint8Array);
    await handle.chmod(header.mode & 0o7777);
    await handle.utimes(header.mtime, header.mtime);
  } finally {
    await handle.close();
  }
}

async function setTimesAndMode(path: string, header: Header): Promise<void> {
  try {
    await chmod(path, header.mode & 0o7777);
    await utimes(path, header.mtime, header.mtime);
  } catch (error) {
    throw new BuildError('IO', `cannot set mode and time of ${quote(path)}: ${messageOf(error)}`, {cause: error});
  }
}
