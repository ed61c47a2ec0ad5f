import {closeSync, constants, openSync} from 'node:fs';
import {syscalls} from '../base/syscalls.js';

const wasSpread = new Set<string>();

/**
 * Has each subdirectory that is going to be made in a directory laid into a part of the disk of its own, with all that is in it.
 * Where they share a group of ext4's inodes, making a file searches past those of all the others, and past what was deleted
 * lately: up to 0.5 ms a file, where it is 0.02 in a group of its own.
 */
export function spreadSubdirectories(directory: string): void {
  if (wasSpread.has(directory)) return;
  wasSpread.add(directory);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    syscalls().spreadSubdirectories(descriptor);
  } catch {
    // Another file system, or another's directory: only time is lost.
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
