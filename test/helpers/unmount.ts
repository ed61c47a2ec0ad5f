import {execFileSync} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';

/** What writes the store to the disk after a build may still have it open. */
export async function unmount(directory: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      execFileSync('umount', [directory], {stdio: 'pipe'});
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await sleep(100);
    }
  }
}
