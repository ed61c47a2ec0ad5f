import {accessSync, constants, readFileSync} from 'node:fs';
import {userInfo} from 'node:os';
import {join} from 'node:path';
import {BuildError} from '../../base/errors.js';

/** What of the machine decides whether an ordinary user may make namespaces. */
export interface NamespaceFacts {
  readonly user: string;
  readonly uid: number;
  /** Undefined: there is no such file. */
  read(path: string): string | undefined;
  hasProgram(name: string): boolean;
}

const subordinate = 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535';

const namespaceNames = {user: 'user', mnt: 'mount', pid: 'pid'} as const;

/** Why the namespaces could not be made, and what to do; `detail` is what the tool said. */
export function namespaceRefusal(root: boolean, detail: string, facts: NamespaceFacts = machine()): BuildError {
  const refused = (reason: string, remedy: string) =>
    new BuildError('KERNEL_REFUSED', `no namespaces for the build: ${reason} (${detail})`, {remedy});
  const setting = (name: string) => facts.read(`/proc/sys/${name}`)?.trim();
  // Of the user namespace that this process is in; root is not spared.
  for (const kind of ['user', 'mnt', 'pid'] as const) {
    if ((root && kind === 'user') || setting(`user/max_${kind}_namespaces`) !== '0') continue;
    return refused(
      `the number of ${namespaceNames[kind]} namespaces is limited to 0`,
      `As root: sysctl -w user.max_${kind}_namespaces=15000`,
    );
  }
  if (root) {
    return refused(
      'the kernel or the container around this process does not let root make a mount and a pid namespace',
      'In a container, give it more rights: docker run --privileged, or use the docker driver (--driver docker).',
    );
  }
  if (setting('kernel/unprivileged_userns_clone') === '0') {
    return refused('they are switched off for ordinary users', 'As root: sysctl -w kernel.unprivileged_userns_clone=1');
  }
  for (const [program, map, what] of [
    ['newuidmap', '/etc/subuid', 'user'],
    ['newgidmap', '/etc/subgid', 'group'],
  ] as const) {
    if (!facts.hasProgram(program)) {
      return new BuildError('TOOL_MISSING', `${program} is not installed (${detail})`, {
        remedy: 'Install it: apt-get install uidmap',
      });
    }
    if (!hasRange(facts.read(map) ?? '', facts)) {
      return refused(`${map} has no range of ${what} ids for ${facts.user}`, `As root: ${subordinate} ${facts.user}`);
    }
  }
  if (setting('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return refused(
      'AppArmor keeps ordinary users from using them',
      'As root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give node an AppArmor profile with userns.',
    );
  }
  return refused(
    'the kernel refused a user namespace',
    'Run as root, or use the docker driver (--driver docker). In a container, seccomp or AppArmor may be the reason.',
  );
}

function hasRange(text: string, {user, uid}: NamespaceFacts): boolean {
  return text.split('\n').some((line) => {
    const [name, , count] = line.trim().split(':');
    return (name === user || name === String(uid)) && Number(count) > 0;
  });
}

function machine(): NamespaceFacts {
  const uid = process.getuid?.() ?? 0;
  return {
    // A user may have no entry in passwd.
    user: attempt(() => userInfo().username) ?? String(uid),
    uid,
    read: (path) => attempt(() => readFileSync(path, 'utf8')),
    hasProgram: (name) =>
      ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin'].some(
        (directory) => attempt(() => (accessSync(join(directory, name), constants.X_OK), true)) ?? false,
      ),
  };
}

function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
