import {readFileSync} from 'node:fs';
import {BuildError} from '../base/errors.js';
import {syscalls, unmountFlags} from '../base/syscalls.js';

/** Where something is mounted below a directory, in the order of mounting. `directory` itself does not count. */
export function mountsBelow(directory: string): readonly string[] {
  // Names are bytes, escaped where they hold white space or a backslash (proc_pid_mountinfo(5)).
  return readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => unescape(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(`${directory}/`));
}

function unescape(field: string): string {
  const bytes = field.replaceAll(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString();
}

/**
 * Detaches mounts, the last one first; the result is how many. Loads the native module where there are any. What cannot be
 * unmounted stays: a store with a mount too many can still be used.
 */
export function unmountAll(paths: readonly string[]): number {
  let unmounted = 0;
  for (const path of paths.toReversed()) {
    try {
      syscalls().unmount(path, unmountFlags.detach | unmountFlags.noFollow);
      unmounted++;
    } catch (error) {
      // Gone meanwhile, or another user's.
      if (!(error instanceof BuildError)) throw error;
    }
  }
  return unmounted;
}
