import type {Dice} from './dice.js';
import {mount} from './mount.js';
import {likelyPlace, places, type Scene} from './scene.js';

type Command = (dice: Dice, scene: Scene) => string;

/** Commands of busybox's sh that leave the same files whenever they run. */
const commands: readonly Command[] = [
  (dice) => `echo "$V-\${A:-none}" > ${dice.pick(['/out', '/tmp/o', 'here', '/srv/empty/n'])}`,
  (dice) => `echo $V "$B" '$N' > ${dice.pick(['/out', 'here', '/x'])}`,
  (dice) => `printf '%s\\n' "$V" "$A" "$B" "$M" "$N" "$V_1" "$O" > ${dice.pick(['/args', '/tmp/args'])}`,
  (dice, scene) => `rm -rf ${dice.oneIn(2) ? likelyPlace(scene) : dice.pick(places)}`,
  (dice) => `mkdir -p ${dice.pick(places)}/n`,
  (_, scene) => `mv ${likelyPlace(scene)} /tmp/moved`,
  (dice) => `ln -s ${dice.pick(places)} /tmp/l`,
  (dice) => `ln -sfn ${dice.pick(['data', '/x', '../etc', '/no', '.', '/', '/tmp/../srv/data'])} /srv/link`,
  (dice) =>
    `ln ${dice.pick(['/srv/hard1', '/srv/data/a', '/etc/passwd', '/srv/setuid'])} ${dice.pick(['/tmp/h', '/h', '/srv/data/h'])}`,
  (_, scene) => `chmod ${scene.dice.pick(['700', '1777', 'u+s', 'go-rwx', '0', '2755', 'a+t'])} ${likelyPlace(scene)}`,
  (_, scene) => `chown -R ${scene.dice.pick(['1000', '5:6', 'bob:audio', '4294967294'])} ${likelyPlace(scene)}`,
  (dice) => `chown -h 9:9 ${dice.pick(['/srv/link', '/srv/data/b'])}`,
  (_, scene) => `touch ${likelyPlace(scene)}`,
  (_, scene) => `touch -d '2001-02-03 04:05:06' ${likelyPlace(scene)}`,
  (dice) => `echo more >> ${dice.pick(['/srv/hard1', '/srv/data/a', '/etc/app/two.conf', '/out', '/srv/hard2'])}`,
  (dice) => `cp -a /srv/data ${dice.pick(['/x', '/tmp/copy', '/new'])}`,
  (dice) => `find ${dice.pick(['/srv', '/x', '/home', '/etc/app', '. -xdev'])} | sort > /tmp/list`,
  // A directory that is made again hides what was below it.
  (dice) => {
    const place = dice.pick(['/srv/data', '/etc/app', '/srv/data/deep', '/home', '/x']);
    return `rm -rf ${place} && mkdir ${place}${dice.pick(['', ` && touch ${place}/new`, ` && chmod 711 ${place}`])}`;
  },
  // What was a directory becomes something else, or the other way round.
  (dice) => {
    const place = dice.pick(['/srv/data', '/srv/empty', '/srv/link', '/srv/hard1', '/etc/app', '/x']);
    return `rm -rf ${place} && ${dice.pick([`ln -s /etc ${place}`, `echo f > ${place}`, `mkfifo ${place}`, `mkdir ${place}`, `ln /srv/setuid ${place}`])}`;
  },
  (dice) => `mv /srv/data ${dice.pick(['/srv/moved', '/srv/empty/', '/tmp/'])} && mkdir /srv/data`,
  (dice) => `mkdir -m ${dice.pick(['700', '1777', '2755'])} -p /d1/d2/d3/d4/d5/d6/d7/d8 && touch /d1/d2/d3/d4/d5/f`,
  (dice) => `touch "/tmp/${dice.pick(['sp ace', 'ünï', 'tab\tx', '-dash', '$d', '.wh', 'a\\\\b', 'x*', "q'q"])}"`,
  () => 'mkfifo /tmp/pipe',
  (dice) => `mknod /tmp/${dice.pick(['null c 1 3', 'zero c 1 5', 'loop b 7 0', 'white c 0 0'])}`,
  () => 'test -w /etc && echo "new:x:77:78::/:/bin/sh" >> /etc/passwd',
  () => 'test -w /etc && echo "gang:x:88:alice,new" >> /etc/group',
  () => 'sed -i s/alice/carol/ /etc/passwd',
  () => 'rm /etc/passwd /etc/group',
  () => "stat -c '%n %a %u:%g %F' /srv/* /etc/* /tmp > /tmp/stat",
  () => "stat -c '%n %a %u:%g' . .. $HOME > /tmp/here",
  () => 'echo ~ $HOME > /tmp/home',
  () => 'cd /srv && tar cf /tmp/t.tar --exclude x data 2>/dev/null; rm /tmp/t.tar',
  () => 'dd if=/dev/zero of=/tmp/hole bs=1 count=1 seek=5000000 2>/dev/null',
  (dice) =>
    `echo ${dice.pick(['"a  b"', "'$V'", '\\$V', '"\\"q\\""', 'a\\\\b', '`echo sub`', '$(echo sub)', '"#"', "'it'"])} > /tmp/quoted`,
  (dice) => `umask ${dice.pick(['077', '0', '027'])}; mkdir /tmp/um; touch /tmp/um/f`,
  () => 'truncate -s 0 /srv/data/a; true > /srv/hard1',
  () => 'for i in 1 2 3; do echo $i; done > /tmp/loop',
  () => 'echo x | tee /tmp/tee1 > /tmp/tee2; test -e /nothing || echo no > /tmp/no',
  (dice, scene) => dice.pick(['true', 'true', 'true', 'false', scene.bold ? 'exit 3' : ':', 'exit 0']),
  // What old daemons do in another way follows.
  () => 'env | grep -vE "^(PWD|SHLVL|HOSTNAME|OLDPWD)=" | sort > /tmp/env',
  () => 'id > /tmp/id; pwd >> /tmp/id; umask >> /tmp/id',
  () => 'ls -A /run /dev/shm /proc/1/cwd > /tmp/ls 2>&1; true',
  () => 'cat /proc/self/status | grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups)" > /tmp/status',
  // One runtime has /dev/core, another has not; one gives /dev/null to the user.
  () => "stat -c '%n %a %F %t:%T' /dev/[abd-z]* > /tmp/dev",
];

/** So many at the end. */
const latest = 5;

/** One RUN, with mounts of the context, of stages, of caches of its own. */
export function run(scene: Scene): string {
  const {dice, syntax, bold} = scene;
  const known = syntax === 'current' ? commands : commands.slice(0, -latest);
  const body = dice.many(1, dice.oneIn(4) ? 4 : 2, () => dice.pick(known)(dice, scene)).join(dice.pick([' && ', '; ']));
  // Most steps go on whatever a command says, or few would build to their end.
  let command = dice.oneIn(bold ? 6 : 60) ? body : `{ ${body}; } 2>/dev/null || true`;
  const flags: string[] = [];
  if (dice.oneIn(4)) {
    const mounts = dice.many(1, syntax === 'current' && dice.oneIn(4) ? 3 : 1, () => mount(scene));
    flags.push(...mounts.map(({flag}) => flag));
    const uses = mounts.map(({use}) => use).join('; ');
    command = `{ ${dice.oneIn(2) ? `${uses}; ${body}` : uses}; } 2>/dev/null || true`;
  }
  if (syntax === 'current') {
    if (dice.oneIn(14)) flags.push(`--network=${dice.pick(['none', 'none', 'default', 'host'])}`);
    if (bold && dice.oneIn(30))
      flags.push(dice.pick(['--security=insecure', '--security=sandbox', '--network=x', '--magic', '--mount=type=x']));
  }
  const start = ['RUN', ...(dice.oneIn(2) ? flags : flags.reverse())].join(' ');
  const shell = dice.oneIn(12) ? dice.pick(['/bin/busybox', '/bin/no', 'sh']) : '/bin/sh';
  return dice.weighed([
    [9, () => `${start} ${command}`],
    [
      2,
      () =>
        `${start} ${JSON.stringify(shell === '/bin/busybox' ? [shell, 'sh', '-c', command] : [shell, '-c', command])}`,
    ],
    [2, () => `${start} ${command.replaceAll(' && ', ' && \\\n  # comment\n\n  ').replaceAll('; ', '; \\\n')}`],
    [syntax === 'current' ? 3 : 0, () => heredoc(scene, start, command)],
  ]);
}

function heredoc({dice}: Scene, start: string, command: string): string {
  const lines = command.split(dice.pick([' && ', '; ']));
  return dice.weighed([
    [
      5,
      () => {
        const word = dice.pick(['<<EOF', '<<-EOF', "<<'EOF'", '<<"EOF"', '<<-"EOF"']);
        const shebang = dice.oneIn(4)
          ? [dice.pick(['#!/bin/sh -e', '#!/bin/sh', '#!/bin/busybox ash', '#!/bin/env sh'])]
          : [];
        const indent = word.startsWith('<<-') ? dice.pick(['', '\t']) : '';
        return [`${start} ${word}`, ...[...shebang, ...lines].map((line) => `${indent}${line}`), `${indent}EOF`].join(
          '\n',
        );
      },
    ],
    [2, () => [`${start} cat > /tmp/doc <<EOF`, 'one $V', '\t"two"', '', '\\$V', 'EOF'].join('\n')],
    [1, () => [`${start} sh <<EOF`, ...lines, 'EOF'].join('\n')],
    [1, () => [`${start} cat <<A - <<'EOF' > /tmp/both`, 'a $V', 'A', 'b $V', 'EOF'].join('\n')],
    [1, () => [`${start} <<EOF cat > /tmp/first`, 'x', 'EOF'].join('\n')],
    [1, () => [`${start} cat <<EOF > /tmp/d2 && echo after >> /tmp/d2`, '# no comment', 'a \\', 'b', 'EOF'].join('\n')],
  ]);
}
