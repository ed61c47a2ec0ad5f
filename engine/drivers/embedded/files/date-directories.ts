import {lstatSync, readdirSync} from 'node:fs';
import {setImmediate} from 'node:timers/promises';
import {syscalls, type Timestamp} from '../../../base/syscalls.js';

const pause = 500;
const slash = Buffer.from('/');

/**
 * Gives directories that changed at `since` (nanoseconds, of the file system's clock) or later the time `time`: what a step makes,
 * or puts something into, says nothing of when it ran. Other directories, and files, keep theirs. No symlink is followed.
 */
export async function dateDirectories(
  upper: string,
  since: bigint,
  time: Timestamp,
  signal: AbortSignal,
): Promise<void> {
  const queue = [Buffer.from(upper)];
  let count = 0;
  for (let directory = queue.pop(); directory !== undefined; directory = queue.pop()) {
    for (const entry of readdirSync(directory, {withFileTypes: true, encoding: 'buffer'})) {
      if (entry.isDirectory()) queue.push(Buffer.concat([directory, slash, entry.name]));
    }
    if (lstatSync(directory, {bigint: true}).mtimeNs >= since) syscalls().setTimes(directory, time);
    if (++count % pause === 0) await setImmediate();
    signal.throwIfAborted();
  }
}
