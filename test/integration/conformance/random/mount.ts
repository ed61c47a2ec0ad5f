import {likelyPlace, type Scene} from './scene.js';

/** One `--mount` and what to do with it in the step. */
export interface Mount {
  readonly flag: string;
  readonly use: string;
}

const there = ['/srv/data', '/srv/empty', '/etc/app'];
// A mount point that was made for the step stayed in the image once.
const more = [
  '/m',
  '/new/at',
  '/srv/link/at',
  'rel/at',
  '/x',
  '/srv/link',
  '/tmp',
  '/m/$V',
  '"/q q"',
  '/srv/data/new/',
];
const switches = ['', '', '', ',rw', ',ro', ',readwrite', ',readonly', ',rw=false', ',readonly=true'];

/** One mount of any type. */
export function mount(scene: Scene): Mount {
  const {dice, syntax, secrets, bold} = scene;
  const current = syntax === 'current';
  const at = dice.pick(current ? [...there, ...more] : there);
  const target = `${dice.pick(['target', 'target', 'dst', 'destination'])}=${at}`;
  const shown = at.replaceAll('"', "'");
  const list = `ls -AR ${shown} >> /tmp/mounted 2>&1`;
  // A number names no stage here.
  const stages = scene.sources.filter((name) => bold || !/^\d/.test(name));
  const option = (sides: number, text: () => string): string => (dice.oneIn(sides) ? text() : '');
  const owner = (): string =>
    option(3, () => dice.pick([',mode=0700', ',uid=7,gid=8', ',mode=01755', ',uid=1000', ',gid=50', ',mode=640']));
  return dice.weighed<Mount>([
    [
      5,
      () => {
        const from = option(4, () =>
          stages.length > 0 ? `,from=${dice.pick(stages)}${option(2, () => `,source=${likelyPlace(scene)}`)}` : '',
        );
        const extra = `${from}${owner()}${dice.pick(['', '', ',ro', ',sharing=private', ',sharing=locked', ',sharing=shared'])}`;
        return {
          flag: `--mount=type=cache,id=${scene.id}${current ? option(3, () => 'b') : `-${dice.below(1e6)}`},${target}${extra}`,
          use: `stat -c '%a %u:%g' ${shown} >> /tmp/mounted; ls -A ${shown} >> /tmp/mounted; echo c > ${shown}/c`,
        };
      },
    ],
    [
      3,
      () => ({
        flag: `--mount=type=tmpfs,${target}${option(3, () => (current ? dice.pick([',size=1m', ',size=64k', ',size=1048576']) : ''))}`,
        use: `${list}; stat -c '%a %u:%g' ${shown} >> /tmp/mounted; echo t > ${shown}/t`,
      }),
    ],
    [
      stages.length > 0 ? 6 : 0,
      () => ({
        flag: `--mount=${dice.pick(['type=bind,', ''])}from=${dice.pick(stages)},${dice.oneIn(3) ? '' : `${dice.pick(['source', 'src'])}=${likelyPlace(scene)},`}${target}${dice.pick(switches)}`,
        use: `${list}; cat ${shown} >> /tmp/mounted; echo b > ${shown}/b; ls -A ${shown} >> /tmp/mounted`,
      }),
    ],
    [
      3,
      () => ({
        flag: `--mount=${target}${dice.pick(switches)}`,
        use: `${list}; touch ${shown}/w && echo wrote >> /tmp/mounted`,
      }),
    ],
    [
      3,
      () => {
        const path = dice.pick([...Object.keys(scene.context), '.']);
        const source = /^[\w./]+$/.test(path) ? path : '.';
        return {
          flag: `--mount=type=bind,${target},source=${dice.pick(['', '', '/', './'])}${source}${dice.pick(switches)}`,
          use: list,
        };
      },
    ],
    [
      secrets.length > 0 && current ? 4 : 0,
      () => {
        const id = dice.pick(secrets);
        const how = dice.pick([
          '',
          ',target=/tmp/secret',
          ',env=S',
          ',required',
          ',required=false',
          ',target=/new/at/s',
          ',target=s',
          ',target=/run/s,env=S2',
        ]);
        return {
          flag: `--mount=type=secret,id=${id}${how}${owner()}`,
          use: `ls -lAR /run/secrets 2>&1 | sed 's/ [A-Z][a-z][a-z] .* / /;s/^total.*//' >> /tmp/secrets; cat /run/secrets/* /tmp/secret /new/at/s s /run/s >> /tmp/secrets 2>/dev/null; echo "$S.$S2" >> /tmp/secrets`,
        };
      },
    ],
    [
      current ? 1 : 0,
      () => ({
        flag: `--mount=type=secret,id=${dice.pick(['absent', 'no'])}${bold ? dice.pick(['', ',required', ',env=S']) : ''}`,
        use: 'ls -A /run >> /tmp/run',
      }),
    ],
    [current && bold ? 1 : 0, () => ({flag: dice.pick(wrong), use: 'true'})],
  ]);
}

const wrong = [
  ...[
    '--mount',
    '--mount=',
    '--mount=type=cache',
    '--mount=type=bind',
    '--mount=type=tmpfs,target=/m,size=x',
    '--mount=target',
  ],
  ...[
    '--mount=type=cache,target=/m,mode=9',
    '--mount=type=cache,target=/m,sharing=x',
    '--mount=type=secret',
    '--mount=type=ssh',
  ],
  ...[
    '--mount=target=/m,from=no-such-stage',
    '--mount=target=/m,source=missing',
    '--mount=type=ssh,required',
    '--mount=target=/',
  ],
  ...[
    '--mount=type=cache,target=/m,uid=x',
    '--mount=target=/m,ro=x',
    '--mount=type=tmpfs,target=/m,source=/x',
    '--mount=a,target=/m',
  ],
  ...[
    '--mount=type=cache,target=/m,required',
    '--mount=target=/m,size=1',
    '--mount=TYPE=bind,TARGET=/m',
    '--mount=target=/m,target=/n',
  ],
  ...[
    '--mount=type=secret,id=a,source=b',
    '--mount=type=cache,target=/m,from=0,source=../x',
    '--mount=target=/m,from=$V',
  ],
];
