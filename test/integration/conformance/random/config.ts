import type {Choice} from './dice.js';
import {variables, type Scene} from './scene.js';
import {value} from './words.js';

const directories = [
  ...['/w', 'sub', '../y', '/srv/link', '$V', '/x/d', '/', '/srv/data', '/w/${V:-z}', './', '"/q q"', '/w/', '//w//d'],
  ...['/srv/link/in', '/srv/link/../up', 'a/../b', '..', '../../../..', '/new/deep/dir', "'/s q'", '/w/$V', '~', '.'],
  ...[
    '/tmp/l',
    '/tmp/l/n',
    '/srv/empty',
    '/home/alice',
    'a\\ b',
    'C:\\x',
    '/ü',
    '${N:-rel}',
    '/w/./d',
    '/srv/data/deep',
  ],
];
const users = [
  ...['alice', 'bob', '1000', '1000:50', 'alice:staff', '4321', 'root', '0:0', 'root', 'root', '0', 'bob:audio'],
  ...['1000:audio', 'alice:1234', '${N:-root}', '"alice"', '65534:65534', 'root:staff', '4321:4321'],
];
const commandLines = [
  ...[
    'a b',
    '["a", "b"]',
    '["a", b]',
    '[]',
    '["e"]',
    'e $V',
    '[ "a" , "b" ]',
    "['a', 'b']",
    '["a\\u0020b"]',
    '["a\\nb"]',
  ],
  ...['[""]', '["a",]', '["a"] b', '"a b"', 'echo "x  y"', 'a && b || c', '["$V", "${A}"]', '[1]', '[null]', '[["a"]]'],
  ...[
    '["ü"]',
    '["<&>"]',
    'a <b >c',
    'exec a \\\n  b',
    '["a", \\\n  "b"]',
    '{"a": 1}',
    '[]x',
    '[ ]',
    '["\\/"]',
    'a # b',
  ],
  ...['["a\\tb"]', '[\t"tab"]', '["a" "b"]', '["\\x"]', "['a']"],
];
const ports = [
  ...['80', '80/udp 81', '90-92/tcp', '${N:-8}0', '80/TCP', '443/sctp', '80 80/tcp', '1-3 2', '8080/udp', '"81"', '0'],
  ...[
    '${N:-80-82}/udp',
    '65535',
    '080',
    '9000-9002:80',
    '100-98',
    '127.0.0.1:80:80',
    '80:81',
    '70000',
    'x',
    '80/x',
    '-1',
  ],
];
const volumes = [
  ...[
    '/srv/data',
    '["/a b", "/c"]',
    '/v1 /v2',
    '["/x"]',
    '/srv/link',
    '/v$V',
    '/v/${N:-w}',
    'rel',
    '["/v1","/v1"]',
    '/x/',
  ],
  ...['"/q"', '["$V"]', '/tmp', '["/a", "/a/b"]', '/', '//a//b', '/a/../b'],
];
const shells = [
  ...['["/bin/sh", "-ec"]', '["/bin/busybox", "sh", "-uc"]', '["/bin/sh", "-c"]', '["/bin/sh", "-xc"]'],
  ...[
    '["/bin/sh", "-c", "eval \\"$0\\""]',
    '["/bin/busybox", "ash", "-c"]',
    '["/bin/sh", "-e", "-c"]',
    '["/bin/env", "S=1", "sh", "-c"]',
  ],
];
const signals = [
  'SIGUSR1',
  '9',
  '${V:-9}',
  'SIGTERM',
  'TERM',
  'sigint',
  'SIGRTMIN+3',
  '${N:-SIGHUP}',
  '"9"',
  '0',
  '64',
  'NOPE',
];
const health = [
  ...[
    'NONE',
    'CMD a b',
    '--interval=5s CMD ["a"]',
    '--retries=3 --timeout=1m CMD x',
    '--start-period=1h CMD y',
    'none',
  ],
  ...['--interval=1.5s CMD d', '--timeout=1ms CMD e'],
  ...['cmd a', 'CMD ["a", b]', 'CMD []', 'CMD "q"', 'CMD  two  spaces'],
  '--start-interval=2s --interval=1m30s CMD c',
  '--retries=0 CMD f',
  '--interval=0 CMD g',
  '--interval=0s --retries=1 CMD h $V',
];
/** So many of them at the end are of later frontends. */
const laterHealth = 4;
const labels = [
  'l',
  'm.n',
  '"k k"',
  'l$V',
  'l',
  'a-b_c',
  "'s'",
  'ü',
  '"q\\"q"',
  'l$A',
  'org.x/y',
  '${N:-z}',
  'maintainer',
];
const oldForms = [
  'one two',
  '$A  x',
  '"q"',
  'a\\b',
  'x=y',
  "it's",
  'a # b',
  '\ttab',
  '${N:-d e}',
  '"a" b',
  '\\$A',
  '= x',
];
const names = [...variables, 'V', 'A', 'PATH2', 'HOME', 'TARGETARCH', 'x.y', 'a-b', 'TERM'];
const wrong = [
  'CMD [1]',
  'CMD [null]',
  'ENTRYPOINT [["a"]]',
  'CMD ["a", null]',
  'STOPSIGNAL $V',
  'VOLUME $V',
  'LABEL $V=x',
  ...[
    'MAGIC x',
    'ENV',
    'LABEL a',
    'ENV =x',
    'USER',
    'VOLUME []',
    'ARG',
    'ONBUILD FROM x',
    'ONBUILD',
    'ONBUILD ONBUILD RUN x',
  ],
  ...[
    'ENV A',
    'ENV A=1 B',
    'ENV A=1 =2',
    'LABEL =x',
    'LABEL "a',
    'WORKDIR',
    'EXPOSE',
    'EXPOSE 80/',
    'EXPOSE a-b',
    'SHELL sh',
  ],
  ...[
    'SHELL []',
    'SHELL',
    'STOPSIGNAL',
    'STOPSIGNAL a b',
    'HEALTHCHECK',
    'HEALTHCHECK CMD',
    'HEALTHCHECK --retries=-1 CMD x',
  ],
  ...[
    'HEALTHCHECK --interval=x CMD y',
    'HEALTHCHECK --magic=1 CMD y',
    'HEALTHCHECK NONE x',
    'HEALTHCHECK --interval=1ns CMD x',
  ],
  ...[
    'ENTRYPOINT',
    'CMD',
    'USER a b',
    'WORKDIR a b',
    'ARG 1=2',
    'ARG =',
    'ARG a b',
    'ARG "A B=1"',
    'ONBUILD MAGIC',
    'ONBUILD MAINTAINER x',
  ],
  ...[
    'VOLUME',
    'VOLUME [""]',
    'VOLUME ""',
    'MAINTAINER',
    'USER ""',
    'WORKDIR ""',
    'RUN',
    'RUN []',
    'RUN [""]',
    'RUN ["/no/such"]',
  ],
  ...[
    'COPY',
    'COPY x',
    'ADD []',
    'COPY ["a"]',
    'FROM',
    'USER :',
    'USER alice:nogroup',
    'ENV V=${A:?}',
    'CMD --x',
    'ENV --x=1 A=1',
  ],
  ...[
    'HEALTHCHECK --interval=-1s CMD x',
    'HEALTHCHECK --interval=5 CMD x',
    'HEALTHCHECK --retries=x CMD y',
    'SHELL ["a", b]',
  ],
  ...[
    'LABEL a=1 b',
    'EXPOSE',
    'EXPOSE ${N}',
    'VOLUME ${N}',
    'WORKDIR ${N}',
    'USER ${N}',
    'STOPSIGNAL ${N}',
    'LABEL ${N}=x',
    'ENV ${N}=x',
  ],
];

/** What can be an instruction's only line; `made` makes any other for ONBUILD. */
export function configInstruction(scene: Scene, made: () => string): string {
  const {dice, syntax, bold} = scene;
  const choices: readonly Choice<string>[] = [
    [20, () => `ENV ${assignments(scene, dice.oneIn(3) ? names : variables)}`],
    [4, () => `ENV ${dice.pick(variables)}${dice.pick([' ', ' ', '  ', '\t'])}${dice.pick(oldForms)}`],
    [3, () => `ENV PATH=${dice.pick(['/x:$PATH', '$PATH:/srv', '"${PATH}:/a b"', '/bin', '${PATH:+$PATH:}/y'])}`],
    [16, () => `ARG ${argument(scene)}`],
    [
      8,
      () =>
        `LABEL ${dice.many(1, 3, () => `${dice.pick(labels)}=${value(scene)}`).join(dice.pick([' ', '  ', ' \\\n  ']))}`,
    ],
    [2, () => `LABEL ${dice.pick(labels)} ${dice.pick(oldForms)}`],
    [16, () => `WORKDIR ${dice.pick(directories)}`],
    [10, () => `USER ${dice.pick(users)}`],
    [5, () => `CMD ${dice.pick(commandLines)}`],
    [5, () => `ENTRYPOINT ${dice.pick(commandLines)}`],
    [5, () => `EXPOSE ${dice.many(1, 2, () => dice.pick(bold ? ports : ports.slice(0, 13))).join(' ')}`],
    [5, () => `VOLUME ${dice.pick(volumes)}`],
    [5, () => `SHELL ${dice.pick(shells)}`],
    [3, () => `STOPSIGNAL ${dice.pick(bold ? signals : signals.slice(0, 8))}`],
    [4, () => `HEALTHCHECK ${dice.pick(syntax === 'current' ? health : health.slice(0, -laterHealth))}`],
    [12, () => `ONBUILD ${trigger(scene, made)}`],
    [1, () => dice.pick(['MAINTAINER M <m@x>', 'MAINTAINER "M"', 'maintainer $V'])],
    [4, () => dice.pick(['# a comment', '', '  # indented', '\t', '#', '# escape=`', '# syntax=none', '#COPY a b'])],
    [bold ? 6 : 0, () => dice.pick(wrong)],
  ];
  return dice.weighed(choices);
}

/** What ONBUILD takes, unless the case is bold. */
function trigger({dice, bold}: Scene, made: () => string): string {
  const text = dice
    .many(4, 4, made)
    .find((one) => bold || (/^[A-Z]/.test(one) && !/^(?:ONBUILD|MAINTAINER)/.test(one)));
  return text ?? 'RUN true';
}

const assignments = (scene: Scene, from: readonly string[]): string =>
  scene.dice
    .many(1, 3, () => `${scene.dice.oneIn(16) ? '"V"' : scene.dice.pick(from)}=${value(scene)}`)
    .join(scene.dice.pick([' ', ' ', ' ', '  ', '\t', ' \\\n  ', ' \\\n# between\n  ']));

function argument(scene: Scene): string {
  const {dice} = scene;
  const one = (): string => {
    const name = dice.weighed([
      [8, () => dice.pick(variables)],
      [2, () => dice.pick(['TARGETARCH', 'TARGETPLATFORM', 'BUILDPLATFORM', 'TARGETSTAGE', 'TARGETOS', 'BUILDARCH'])],
      [1, () => dice.pick(['PATH', 'HTTP_PROXY', 'no_proxy', 'HOME', 'BASE', 'SOURCE_DATE_EPOCH', 'x.y', 'a-b'])],
    ]);
    return dice.oneIn(2) ? name : `${name}=${value(scene)}`;
  };
  return dice.many(1, dice.oneIn(4) ? 3 : 1, one).join(' ');
}
