import type {Dice} from './dice.js';
import type {Syntax} from './dockerfile.js';

const word = (dice: Dice): string =>
  dice.pick([
    'x',
    '"two words"',
    "'$V'",
    '${V:-d}',
    '${V:+y}',
    '$V',
    'a\\ b',
    '"a\\"b"',
    '${A-z}',
    '""',
    'ü',
    '$',
    '\\$V',
  ]);
const patterns = ['${V#v}', '${V##*}', '${V%e}', '${V%%a*}', '${V/a/b}', '${V//?/x}', '${V/v*/}', '${N:-${V}}'];

/** One instruction that changes no file (WORKDIR makes a directory). */
export function configInstruction(dice: Dice, syntax: Syntax, stages: readonly string[]): string {
  switch (dice.below(18)) {
    case 0:
    case 1:
      return `ENV ${dice.many(1, 3, () => `${dice.pick(['V', 'A', 'B', 'PATH2'])}=${value(dice, syntax)}`).join(' ')}`;
    case 2:
      return `ENV V ${dice.pick(['one two', '$A  x', '"q"', 'a\\b'])}`;
    case 3:
    case 4:
      return `ARG ${dice.pick(['A', 'V', 'TARGETARCH', 'M', 'N'])}${dice.oneIn(2) ? `=${value(dice, syntax)}` : ''}`;
    case 5:
      return `LABEL ${dice.many(1, 2, () => `${dice.pick(['l', 'm.n', '"k k"', '$V'])}=${value(dice, syntax)}`).join(' ')}`;
    case 6:
    case 7:
      return `WORKDIR ${dice.pick(['/w', 'sub', '../y', '/srv/link', '$V', '/x/d', '/', '/srv/data', '/w/${V:-z}', './', '"/q q"'])}`;
    case 8:
    case 9:
      return `USER ${dice.pick(['alice', 'bob', '1000', '1000:50', 'alice:staff', '4321', 'root', '0:0', 'root'])}`;
    case 10:
      return dice.pick([
        'CMD a b',
        'CMD ["a", "b"]',
        'CMD ["a", b]',
        'CMD []',
        'ENTRYPOINT ["e"]',
        'ENTRYPOINT e $V',
        'CMD',
        'ENTRYPOINT []',
      ]);
    case 11:
      return `EXPOSE ${dice.pick(['80', '80/udp 81', '90-92/tcp', '${N:-8}0'])}`;
    case 12:
      return `VOLUME ${dice.pick(['/srv/data', '["/a b", "/c"]', '/v1 /v2', '["/x"]', '/srv/link'])}`;
    case 13:
      return dice.pick([
        'SHELL ["/bin/sh", "-ec"]',
        'SHELL ["/bin/busybox", "sh", "-uc"]',
        'STOPSIGNAL SIGUSR1',
        'STOPSIGNAL 9',
        'STOPSIGNAL $V',
      ]);
    case 14:
      return `HEALTHCHECK ${dice.pick(['NONE', 'CMD a b', '--interval=5s CMD ["a"]', '--retries=3 --timeout=1m CMD x', '--start-period=1h CMD y'])}`;
    case 15:
      return `ONBUILD ${dice.pick(['RUN echo o > /tmp/onbuild', 'ENV O=$V', 'COPY . /onbuild', 'WORKDIR /ob', 'LABEL o=1', 'USER alice', 'ARG Q=1'])}`;
    case 16:
      return stages.length > 0 ? `ONBUILD COPY --from=${dice.pick(stages)} /etc/app /onbuild` : 'MAINTAINER M <m@x>';
    default:
      return dice.oneIn(4)
        ? dice.pick(['MAGIC x', 'ENV', 'LABEL a', 'ENV =x', 'USER', 'VOLUME []', 'ARG', 'ONBUILD FROM x'])
        : '# a comment';
  }
}

const value = (dice: Dice, syntax: Syntax): string =>
  syntax === 'current' && dice.oneIn(4) ? dice.pick(patterns) : word(dice);
