import {randomBytes} from 'node:crypto';
import {open, rename, rm} from 'node:fs/promises';
import {dirname} from 'node:path';
import {makeDirectories} from './make-directories.js';

/**
 * Writes a small file whole or not at all: beside its place, fsynced, renamed. Parents are made. The file that was there
 * stays as it was until the rename. Rejects with the platform's error; nothing half-written stays.
 */
export async function writeBeside(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  makeDirectories(dirname(path));
  const beside = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const file = await open(beside, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, {force: true});
    throw error;
  }
}
