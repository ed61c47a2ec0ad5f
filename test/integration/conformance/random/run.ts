import type {Tree} from '../case.js';
import type {Dice} from './dice.js';
import type {Syntax} from './dockerfile.js';
import {places} from './transfer.js';

/** Commands of busybox's sh that leave the same files whenever they run. */
const commands: readonly ((dice: Dice) => string)[] = [
  (dice) => `echo "$V-\${A:-none}" > ${dice.pick(['/out', '/tmp/o', 'here', '/srv/empty/n'])}`,
  (dice) => `rm -rf ${dice.pick(places)}`,
  (dice) => `mkdir -p ${dice.pick(places)}/n`,
  (dice) => `mv ${dice.pick(places)} /tmp/moved`,
  (dice) => `ln -s ${dice.pick(places)} /tmp/l`,
  (dice) => `ln -sfn ${dice.pick(['data', '/x', '../etc', '/no'])} /srv/link`,
  (dice) => `ln ${dice.pick(['/srv/hard1', '/srv/data/a', '/etc/passwd'])} /tmp/h`,
  (dice) => `chmod ${dice.pick(['700', '1777', 'u+s', 'go-rwx'])} ${dice.pick(places)}`,
  (dice) => `chown -R ${dice.pick(['1000', '5:6', 'bob:audio'])} ${dice.pick(places)}`,
  (dice) => `chown -h 9:9 ${dice.pick(['/srv/link', '/srv/data/b'])}`,
  (dice) => `touch ${dice.pick(places)}`,
  (dice) => `echo more >> ${dice.pick(['/srv/hard1', '/srv/data/a', '/etc/app/two.conf', '/out'])}`,
  (dice) => `cp -a /srv/data ${dice.pick(['/x', '/tmp/copy', '/new'])}`,
  (dice) => `find ${dice.pick(['/srv', '/x', '/home', '/etc/app'])} | sort > /tmp/list`,
  () => 'env | grep -vE "^(PWD|SHLVL|HOSTNAME)=" | sort > /tmp/env',
  () => "stat -c '%n %a %u:%g %F' /srv/* /etc/* /tmp > /tmp/stat",
  () => 'mkfifo /tmp/pipe',
  () => 'test -w /etc && echo "new:x:77:78::/:/bin/sh" >> /etc/passwd',
  () => 'ls -A /run /dev/shm /proc/1/cwd > /tmp/ls 2>&1; true',
  (dice) => dice.pick(['true', 'false', 'exit 3', ':']),
  () => 'id > /tmp/id; pwd >> /tmp/id; umask >> /tmp/id',
];

/** So many at the end tell of what old daemons do in another way: the groups of a user. */
const latest = 1;

/** One RUN, with mounts of the context, of stages, of caches of its own. */
export function run(dice: Dice, syntax: Syntax, context: Tree, stages: readonly string[], id: string): string {
  const flags: string[] = [];
  const known = syntax === 'current' ? commands : commands.slice(0, -latest);
  const body = dice.many(1, 2, () => dice.pick(known)(dice)).join(dice.pick([' && ', '; ']));
  // Most steps go on whatever a command says, or few would build to their end.
  let command = dice.oneIn(8) ? body : `{ ${body}; } 2>/dev/null || true`;
  if (dice.oneIn(5)) {
    const [flag, use] = mount(dice, syntax, context, stages, id);
    flags.push(flag);
    command = dice.oneIn(4) ? use : `{ ${use}; ${body}; } 2>/dev/null || true`;
  }
  if (syntax === 'current' && dice.oneIn(12)) flags.push('--network=none');
  if (dice.oneIn(6)) return ['RUN', ...flags, JSON.stringify(['/bin/sh', '-c', command])].join(' ');
  if (syntax === 'current' && dice.oneIn(6)) {
    const word = dice.pick(['<<EOF', '<<-EOF', "<<'EOF'"]);
    const shebang = dice.oneIn(4) ? ['#!/bin/sh -e'] : [];
    return [['RUN', ...flags, word].join(' '), ...shebang, ...command.split(' && '), 'EOF'].join('\n');
  }
  return ['RUN', ...flags, dice.oneIn(5) ? command.replace(' && ', ' && \\\n  # comment\n  ') : command].join(' ');
}

function mount(
  dice: Dice,
  syntax: Syntax,
  context: Tree,
  stages: readonly string[],
  id: string,
): [flag: string, use: string] {
  // A mount point that was made for the step stayed in the image once.
  const there = ['/srv/data', '/srv/empty', '/etc/app'];
  const target = dice.pick(syntax === 'current' ? [...there, '/m', '/new/at', '/srv/link/at', 'rel/at', '/x'] : there);
  const list = `ls -AR ${target} > /tmp/mounted 2>&1`;
  switch (dice.below(5)) {
    case 0:
      return [
        `--mount=type=cache,id=${id},target=${target}${dice.pick(['', ',mode=0700', ',uid=7,gid=8', ',ro', ',sharing=private'])}`,
        `stat -c '%a %u:%g' ${target} > /tmp/mounted; echo c > ${target}/c`,
      ];
    case 1:
      return [`--mount=type=tmpfs,target=${target}`, `${list}; echo t > ${target}/t`];
    case 2: {
      const from = stages.length > 0 ? `from=${dice.pick(stages)},source=${dice.pick(places)},` : '';
      return [
        `--mount=type=bind,${from}target=${target}${dice.pick(['', ',rw', ',ro', ',readwrite'])}`,
        `${list}; echo b > ${target}/b`,
      ];
    }
    case 3:
      return [`--mount=target=${target}${dice.pick(['', ',rw'])}`, list];
    default: {
      const path = dice.pick(Object.keys(context));
      return [`--mount=target=${target},source=${/^[\w./]+$/.test(path) ? path : '.'}`, list];
    }
  }
}
