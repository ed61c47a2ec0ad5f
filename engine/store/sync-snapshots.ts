import {spawn} from 'node:child_process';
import {Socket} from 'node:net';
import {join} from 'node:path';
import {thisOwner} from './owner.js';
import {stateFile} from './snapshots.js';

/** In seconds: then the kernel has written most of it, and the builds of a series are over. */
const syncDelay = 5;
/**
 * Marks what was complete before it was written; of an earlier boot is only what was lost. While one waits, the others end at once: it
 * will find what they would. None holds the store meanwhile: it may be unmounted. Where it is stands on no command line, and the shell
 * is kept from handing it on.
 */
const syncScript = `IFS= read -r snapshots && cd "$snapshots/.." || exit
unset PWD OLDPWD
[ -d locks ] || mkdir locks || exit
age=$(($(date +%s) - $(stat -c %Y locks/sync 2>/dev/null || echo 0)))
[ "$age" -ge 0 ] && [ "$age" -lt "\${1%.*}" ] && exit
touch locks/sync && cd / || exit
unset PWD OLDPWD
sleep "$1" && cd "$snapshots" || exit
unset PWD OLDPWD
complete=$(find . -mindepth 2 -maxdepth 2 -name ${stateFile} ! -perm -u+x -exec grep -ls "\\"boot\\":\\"$2\\"" {} +)
[ -n "$complete" ] && sync -f . && printf '%s\\n' "$complete" | xargs chmod u+x`;

export interface SnapshotSync {
  /** To be called when snapshots of the store at `root` are complete. */
  begin(root: string): void;
  /** For nothing was made. Idempotent, and without effect after `begin`. */
  cancel(): void;
}

/**
 * Gets ready to have the file system written to the disk, and to mark as safe what snapshots are complete by then: until then they
 * count as lost after the machine has stopped. By a process of its own, which outlives this one once it has begun: it may take as long as
 * the disk needs, and nobody waits. A failure leaves the snapshots as they were.
 */
export function prepareSync(delay = syncDelay): SnapshotSync {
  const child = spawn('sh', ['-c', syncScript, 'sh', String(delay), thisOwner().boot], {
    detached: true,
    cwd: '/',
    env: {PATH: '/usr/local/bin:/usr/bin:/bin'},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const {stdin} = child;
  for (const part of [child, stdin]) part.on('error', () => undefined);
  child.unref();
  if (stdin instanceof Socket) stdin.unref();
  return {
    begin: (root) => void stdin.end(`${join(root, 'snapshots')}\n`),
    cancel: () => void stdin.destroy(),
  };
}
