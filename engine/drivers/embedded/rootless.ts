import {readFileSync} from 'node:fs';

let machine: boolean | undefined;

/**
 * Whether a process of this user has not the rights of the machine's root: attributes and mounts of a user namespace are what
 * it can make. So it is with root of a container that an ordinary user started.
 */
export function isRootless(uid: number): boolean {
  if (uid !== 0) return true;
  machine ??= hasAllIds();
  return !machine;
}

/** Whether this process is in the first user namespace, by its ids (user_namespaces(7)). */
function hasAllIds(): boolean {
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  } catch {
    // A kernel without user namespaces.
    return true;
  }
}
