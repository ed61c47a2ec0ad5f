import {statfsSync} from 'node:fs';
import {mountFlags, syscalls, unmountFlags} from '../../../base/syscalls.js';

const cgroup2Magic = 0x63677270;
const top = '/sys/fs/cgroup';
const unified = `${top}/unified`;

/**
 * Makes this process's mount namespace, which must be its own, one in which the runtime can work: crun refuses a host that has
 * both versions of cgroups. True where there is version 2 alone, which a container can be shown with one mount.
 */
export function prepareCgroups(rootless: boolean): boolean {
  if (isCgroup2(top)) return true;
  if (!isCgroup2(unified)) return false;
  if (rootless) {
    // What was mounted outside of a user namespace cannot be unmounted in it, but something can be put over it.
    syscalls().mount(unified, top, '', mountFlags.bind, '');
  } else {
    syscalls().unmount(unified, unmountFlags.detach);
  }
  return false;
}

function isCgroup2(path: string): boolean {
  try {
    return statfsSync(path).type === cgroup2Magic;
  } catch {
    return false;
  }
}
