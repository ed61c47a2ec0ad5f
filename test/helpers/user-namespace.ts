/**
 * Words in front of a command, to be run by root, that put it into a user namespace with the first ids of this machine; root of
 * that namespace runs `setup`, a shell command, there before, with mounts of its own; the command runs as `uid`. A limit that is set
 * there counts nowhere else.
 */
export function inUserNamespace(setup: string, uid: number): readonly string[] {
  // A program that is started before its ids are mapped loses its rights, so a second shell goes on.
  const inside = [
    'until [ "$(id -u)" = 0 ]; do sleep 0.02; done',
    `exec sh -c '${setup}
      exec setpriv --reuid ${uid} --regid ${uid} --clear-groups "$@"' sh "$@"`,
  ].join('\n');
  const outside = [
    'inside=$1; shift',
    'unshare --user --mount sh -c "$inside" sh "$@" & pid=$!',
    'until [ "$(readlink /proc/$pid/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.02; done',
    'for map in uid_map gid_map; do echo 0 0 200000 > /proc/$pid/$map; done',
    'wait $pid',
  ].join('\n');
  return ['sh', '-c', outside, 'sh', inside];
}
