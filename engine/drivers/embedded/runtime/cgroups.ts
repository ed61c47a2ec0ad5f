import {existsSync, statfsSync} from 'node:fs';
import {BuildError} from '../../../base/errors.js';
import {mountFlags, syscalls, unmountFlags} from '../../../base/syscalls.js';

const cgroup2Magic = 0x63677270;
const tmpfsMagic = 0x01021994;
const top = '/sys/fs/cgroup';
const unified = `${top}/unified`;

/**
 * Makes this process's mount namespace, which must be its own, one in which the runtime can work: crun refuses a host that has
 * both versions of cgroups, and one that has none. True where there is version 2 alone, which a container can be shown with one
 * mount.
 */
export function prepareCgroups(rootless: boolean): boolean {
  const kind = kindOf(top);
  if (kind === cgroup2Magic) return true;
  if (kindOf(unified) === cgroup2Magic) hideUnified(rootless);
  else if (kind !== tmpfsMagic) standIn();
  return false;
}

function hideUnified(rootless: boolean): void {
  try {
    if (!rootless) {
      syscalls().unmount(unified, unmountFlags.detach);
      return;
    }
  } catch (error) {
    // Root of a user namespace, as in a container of an ordinary user.
    if (!(error instanceof BuildError)) throw error;
  }
  // What was mounted outside of a user namespace cannot be unmounted in it, but something can be put over it.
  syscalls().mount(unified, top, '', mountFlags.bind, '');
}

/** An empty directory of the kind that crun takes for version 1: it is told to make no groups. In a bare chroot. */
function standIn(): void {
  const flags = mountFlags.noSuid | mountFlags.noDevices | mountFlags.noExec;
  try {
    if (!existsSync(top)) syscalls().mount('sysfs', '/sys', 'sysfs', flags, '');
    syscalls().mount('tmpfs', top, 'tmpfs', flags, 'mode=755,size=4k');
  } catch (error) {
    // The runtime says what it misses.
    if (!(error instanceof BuildError)) throw error;
  }
}

function kindOf(path: string): number | undefined {
  try {
    return statfsSync(path).type;
  } catch {
    return undefined;
  }
}
