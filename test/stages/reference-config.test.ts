import test from 'ava';
import {graphOf, lastStep, targetStage} from '../helpers/graph.js';
import {args, config, mount, path, sees, shell, stage, step} from '../helpers/reference.js';

// Results that the Dockerfile reference states in its text, section by section.

// LABEL, MAINTAINER, EXPOSE, ENV
test(
  'labels',
  config,
  'FROM x\nLABEL "org.example.maker"="Tool Makers"\nLABEL release="2.1"\nLABEL sum="One text \\\non two lines."\nLABEL a.one="1" \\\n      last="3"',
  {
    Labels: {
      'org.example.maker': 'Tool Makers',
      release: '2.1',
      sum: 'One text on two lines.',
      'a.one': '1',
      last: '3',
    },
  },
);
test('labels in double and in single quotes', config, 'FROM x\nENV R=7\nLABEL d="v-$R" s=\'v-$R\'', {
  Labels: {d: 'v-7', s: 'v-$R'},
});
test('the label applied last counts, over stages too', config, 'FROM x AS a\nLABEL l=1 k=1\nFROM a\nLABEL l=2', {
  Labels: {l: '2', k: '1'},
});
test(
  'labels of a stage that is only read from',
  config,
  'FROM x AS a\nLABEL l=1\nFROM y\nLABEL k=2\nCOPY --from=a / /\nRUN --mount=from=a,target=/a x',
  {
    Labels: {k: '2'},
  },
);
test('MAINTAINER', stage, 'FROM x\nMAINTAINER Ann Author', {author: 'Ann Author'});
test('TCP is the protocol without one', config, 'FROM x\nEXPOSE 80', {ExposedPorts: {'80/tcp': {}}});
test('a port of both protocols', config, 'FROM x\nEXPOSE 53/tcp\nEXPOSE 53/udp', {
  ExposedPorts: {'53/tcp': {}, '53/udp': {}},
});
const animals = [path, 'FULL=Ann Author', 'PLACE=Old Town Hall', 'ANIMAL=owl'];
test('ENV one by one', config, 'FROM x\nENV FULL="Ann Author"\nENV PLACE=Old\\ Town\\ Hall\nENV ANIMAL=owl', {
  Env: animals,
});
test('ENV in one line', config, 'FROM x\nENV FULL="Ann Author" PLACE=Old\\ Town\\ Hall \\\n    ANIMAL=owl', {
  Env: animals,
});
test('ENV without =', config, 'FROM x\nENV COLOUR dark-red\nENV FIRST SECOND= THIRD=all', {
  Env: [path, 'COLOUR=dark-red', 'FIRST=SECOND= THIRD=all'],
});
test('ARG instead of ENV leaves nothing in the image', config, 'FROM x\nARG LC_ALL=C\nRUN x', {Env: [path]});

// ENTRYPOINT and CMD
const commands: readonly (readonly [cmd: string, entrypoint: string, run: readonly string[]])[] = [
  ['', '', []],
  ['', 'serve -v', [...shell, 'serve -v']],
  ['', '["serve", "-v"]', ['serve', '-v']],
  ['["call", "-q"]', '', ['call', '-q']],
  ['["call", "-q"]', 'serve -v', [...shell, 'serve -v', 'call', '-q']],
  ['["call", "-q"]', '["serve", "-v"]', ['serve', '-v', 'call', '-q']],
  ['call -q', '', [...shell, 'call -q']],
  ['call -q', 'serve -v', [...shell, 'serve -v', ...shell, 'call -q']],
  ['call -q', '["serve", "-v"]', ['serve', '-v', ...shell, 'call -q']],
];
for (const [cmd, entrypoint, expected] of commands) {
  // What follows the text of `sh -c` are parameters of that text, which it ignores.
  test(`CMD ${cmd || 'missing'} with ENTRYPOINT ${entrypoint || 'missing'}`, (t) => {
    const lines = [...(entrypoint === '' ? [] : [`ENTRYPOINT ${entrypoint}`]), ...(cmd === '' ? [] : [`CMD ${cmd}`])];
    const {Entrypoint, Cmd} = targetStage(graphOf(['FROM x', ...lines].join('\n'))).config;
    t.deepEqual([...(Entrypoint ?? []), ...(Cmd ?? [])], expected);
  });
}
test(
  'the last CMD and the last ENTRYPOINT count',
  config,
  'FROM x\nENTRYPOINT ["a"]\nCMD b\nENTRYPOINT exec c\nCMD ["d"]',
  {
    Entrypoint: [...shell, 'exec c'],
    Cmd: ['d'],
  },
);
test('CMD with --', config, 'FROM x\nENTRYPOINT serve\nCMD -- --kept', {Cmd: [...shell, '--kept']});

// VOLUME, USER, WORKDIR
test('volumes', config, 'FROM x\nVOLUME ["/store"]\nVOLUME /var/spool\nVOLUME /a /b', {
  Volumes: {'/store': {}, '/var/spool': {}, '/a': {}, '/b': {}},
});
for (const user of ['ann', 'ann:staff', '1000', '1000:1001'])
  test(`USER ${user}`, stage, `FROM x\nUSER ${user}`, {user});
test('relative working directories', stage, 'FROM x\nWORKDIR /one\nWORKDIR two\nWORKDIR three', {
  workdir: '/one/two/three',
});
// The reference prints the name that is not set; every current builder leaves it empty, as everywhere else.
test('a working directory of variables', stage, 'FROM x\nENV BASE=/srv\nWORKDIR $BASE/$UNSET', {workdir: '/srv'});
test('the working directory without WORKDIR', stage, 'FROM x', {workdir: '/'});

// ARG
const owner = 'FROM x\nUSER ${owner:-nobody}\nARG owner\n';
test('USER before its ARG', stage, owner, {user: 'nobody'}, args({owner: 'ann'}));
test('USER after its ARG', stage, `${owner}USER $owner`, {user: 'ann'}, args({owner: 'ann'}));
test('defaults', sees, 'FROM x\nARG owner=ann number=1\nRUN x', {owner: 'ann', number: '1'});
test('ENV over ARG', sees, 'FROM x\nARG V\nENV V=v1\nRUN x', {V: 'v1'}, args({V: 'v2'}));
const kept = 'FROM x\nARG V\nENV V=${V:-v1}\nRUN x';
test('ENV from ARG, given', config, kept, {Env: [path, 'V=v2']}, args({V: 'v2'}));
test('ENV from ARG, not given', config, kept, {Env: [path, 'V=v1']});
test(
  'a stage gets ARGs from the one it is made from, no other',
  sees,
  'FROM x AS a\nARG A=1\nFROM y AS b\nARG B=2\nFROM a\nRUN x',
  {A: '1'},
);
for (const name of ['HTTP', 'HTTPS', 'FTP', 'NO', 'ALL'].flatMap((each) => [
  `${each}_PROXY`,
  `${each.toLowerCase()}_proxy`,
])) {
  test(`${name} needs no ARG, and is in no history`, (t) => {
    const given = args({[name]: 'http://ann:pw@proxy.example'});
    const graph = graphOf('FROM x\nRUN ls', given);
    t.deepEqual(
      graph.proxy.map((each) => [each.name, each.value]),
      [[name, 'http://ann:pw@proxy.example']],
    );
    t.deepEqual(lastStep(graph).args, []);
    t.notRegex(JSON.stringify(lastStep(graph)), /proxy\.example/);
    t.deepEqual(graph.warnings, []);
    const declared = lastStep(graphOf(`FROM x\nARG ${name}\nRUN ls`, given));
    t.deepEqual(
      declared.args.map((each) => [each.name, each.value]),
      [[name, 'http://ann:pw@proxy.example']],
    );
  });
}
const other = {platform: {os: 'linux', architecture: 'arm64'}};
test('TARGETPLATFORM, declared', sees, 'FROM x\nARG TARGETPLATFORM\nRUN x', {TARGETPLATFORM: 'linux/arm64'}, other);
test('a mount of the whole context', mount, 'FROM x\nWORKDIR /in\nRUN --mount=target=. \\\n  make', {
  target: '/in',
  source: '/',
});

const changes = test.macro({
  exec(t, instructions: string, changed: readonly string[]) {
    const [before, after] = ['1', '2'].map((V) => targetStage(graphOf(`FROM x\n${instructions}`, args({V}))).steps);
    const names = before?.flatMap(({statement: {kind}, env, args: values, config: made}, index) => {
      const now = after?.[index];
      const same = JSON.stringify([env, values, made.Env]) === JSON.stringify([now?.env, now?.args, now?.config.Env]);
      return same ? [] : [kind];
    });
    t.deepEqual(names, changed);
  },
  title: (title = '') => `what a new value of an ARG changes: ${title}`,
});
test('RUN that names it', changes, 'ARG V\nRUN printf $V', ['run']);
test('RUN that does not name it', changes, 'ARG V\nRUN ls', ['run']);
test('ENV made of it', changes, 'ARG V\nENV V=$V\nRUN printf $V', ['env', 'run']);
test('ENV in its place', changes, 'ARG V\nENV V=same\nRUN printf $V', []);

// ONBUILD
test('triggers run after FROM in their order, and once', (t) => {
  const text = 'FROM x AS base\nONBUILD ADD . /srv/in\nONBUILD RUN pack\nFROM base AS child\nRUN ls\nFROM child';
  const {stages} = graphOf(text);
  t.deepEqual(
    stages.map(({steps}) => steps.filter(({operation}) => operation.kind !== 'config').map(({text: each}) => each)),
    [[], ['ADD . /srv/in', 'RUN pack', 'RUN ls'], []],
  );
  t.deepEqual(targetStage(graphOf(text, {target: 'base'})).config.OnBuild, ['ADD . /srv/in', 'RUN pack']);
  t.is(targetStage(graphOf(text, {target: 'child'})).config.OnBuild, undefined);
});
test('a trigger reads from a stage of the file it runs in', (t) => {
  const text =
    'FROM x AS base\nONBUILD COPY --from=make /tool /tool\nONBUILD RUN --mount=from=settings,target=/opt/s x\nFROM y AS make\nFROM base';
  const graph = graphOf(text, {namedContexts: new Set(['settings'])});
  t.deepEqual(
    targetStage(graph).steps.flatMap(({reads}) => reads),
    [
      {kind: 'stage', index: 1},
      {kind: 'context', name: 'settings'},
    ],
  );
});

// STOPSIGNAL, HEALTHCHECK, SHELL
for (const signal of ['SIGKILL', '9'])
  test(`STOPSIGNAL ${signal}`, config, `FROM x\nSTOPSIGNAL ${signal}`, {StopSignal: signal});
test(
  'a health check',
  config,
  'FROM x\nHEALTHCHECK CMD a\nHEALTHCHECK --interval=2m --timeout=4s \\\n  CMD wget -q / || exit 1',
  {
    Healthcheck: {Test: ['CMD-SHELL', 'wget -q / || exit 1'], Interval: 120e9, Timeout: 4e9},
  },
);
test('a health check in exec form', config, 'FROM x\nHEALTHCHECK CMD ["a", "b"]', {
  Healthcheck: {Test: ['CMD', 'a', 'b']},
});
test('no health check', config, 'FROM x\nHEALTHCHECK CMD a\nHEALTHCHECK NONE', {Healthcheck: {Test: ['NONE']}});
test('every SHELL holds for the lines after it', (t) => {
  const {steps} = targetStage(
    graphOf('FROM x\nRUN a\nSHELL ["powershell", "-command"]\nRUN b\nSHELL ["cmd", "/S", "/C"]\nRUN c\nRUN ["d", "e"]'),
  );
  t.deepEqual(
    steps.flatMap(({operation}) => (operation.kind === 'run' ? [operation.argv] : [])),
    [
      [...shell, 'a'],
      ['powershell', '-command', 'b'],
      ['cmd', '/S', '/C', 'c'],
      ['d', 'e'],
    ],
  );
});
test(
  'SHELL with the backquote as escape',
  step,
  '# escape=`\n\nFROM x\nSHELL ["powershell","-command"]\nADD s.ps1 d:\\t\\\nRUN d:\\t\\s -n \'two words\'',
  {
    argv: ['powershell', '-command', "d:\\t\\s -n 'two words'"],
  },
);
