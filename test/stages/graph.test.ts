import test from 'ava';
import type {ResolveOptions} from '../../engine/stages/options.js';
import {graphOf, lastStep, targetStage} from '../helpers/graph.js';

/** Names of the numbered steps of every stage: what BuildKit of Docker 28 printed for the same file. */
const named = test.macro({
  exec(t, dockerfile: string, expected: readonly string[], options: ResolveOptions = {}) {
    const names = graphOf(dockerfile, options).stages.flatMap(({fromName, steps}) => [
      ...(fromName === undefined ? [] : [fromName]),
      ...steps.map(({name}) => name),
    ]);
    t.deepEqual(
      names.filter((name) => /\d\/\d+\]/.test(name)),
      expected,
    );
  },
  title: (title = '') => `step names: ${title}`,
});

const debian = 'FROM docker.io/library/debian:bookworm';
test('a file of one stage', named, 'FROM debian:bookworm\nRUN true', [`[1/2] ${debian}`, '[2/2] RUN true']);
test('a named only stage', named, 'FROM debian:bookworm AS nm\nRUN true', [`[1/2] ${debian}`, '[2/2] RUN true']);
test('scratch makes no step, nor does WORKDIR /', named, 'FROM scratch\nCOPY f /f\nWORKDIR /\nWORKDIR /x', [
  '[1/3] COPY f /f',
  '[2/3] WORKDIR /x',
]);
test(
  'several stages',
  named,
  `FROM debian:bookworm AS Builder
WORKDIR rel
ENV X=1
RUN a="$X"; echo '$X' \\$X "\${X:-1}" $UNSET \\
   && true
RUN ["echo", "$X"]
RUN <<EOT
echo $X a
echo b
EOT
FROM scratch
COPY --from=builder "/x$X" /$Y
COPY <<EOT /z
hello
EOT
FROM builder
RUN true`,
  [
    `[builder 1/5] ${debian}`,
    '[builder 2/5] WORKDIR rel',
    `[builder 3/5] RUN a="1"; echo '$X' $X "1" $UNSET    && true`,
    '[builder 4/5] RUN ["echo", "1"]',
    '[builder 5/5] RUN <<EOT (echo 1 a...)',
    '[stage-1 1/2] COPY --from=builder /x /',
    '[stage-1 2/2] COPY <<EOT /z',
    '[stage-2 1/1] RUN true',
  ],
);
test(
  'triggers of a stage run in the stage made from it, and only there',
  named,
  `FROM debian:bookworm AS base
ONBUILD ENV OB=1
ONBUILD RUN echo ob $OB
ONBUILD ARG QQ=7
RUN true
FROM base AS mid
RUN echo mid $OB $QQ
FROM mid
RUN echo last $OB $QQ`,
  [
    `[base 1/2] ${debian}`,
    '[base 2/2] RUN true',
    '[mid 1/4] ONBUILD RUN echo ob 1',
    '[mid 2/4] RUN echo mid 1 7',
    '[stage-2 1/1] RUN echo last 1 7',
  ],
);
const triggers = {
  architecture: 'amd64',
  os: 'linux',
  rootfs: {type: 'layers' as const, diff_ids: []},
  config: {OnBuild: ['ARG OBA=3', 'COPY f /ob$OBA'], Env: ['PATH=/p'], Cmd: ['basecmd'], WorkingDir: '/basewd/'},
};
test(
  'triggers of a base image',
  named,
  'FROM x:base\nWORKDIR $HOME/portal\nCOPY f /',
  ['[1/3] FROM docker.io/library/x:base', '[2/5] ONBUILD COPY f /ob3', '[3/5] WORKDIR /portal', '[4/5] COPY f /'],
  {baseConfigs: new Map([['x:base', triggers]])},
);
test('numbers are as wide as the total', named, `FROM x\n${'RUN a\n'.repeat(9)}`, [
  '[ 1/10] FROM docker.io/library/x:latest',
  ...Array.from({length: 9}, (_, index) => `[${String(index + 2).padStart(2)}/10] RUN a`),
]);

test(
  'a variable that a secret fills is masked',
  named,
  'FROM scratch\nARG T=1\nRUN --mount=type=secret,id=t,env=T a $T',
  ['[1/1] RUN --mount=type=secret,id=t,env=T a ****'],
);

test('the arguments of RUN are in the order of their first line, with the values RUN sees', (t) => {
  const graph = graphOf('FROM scratch\nARG NONE\nENV A=env\nARG A=arg\nARG B=1\nENV B=env\nARG NONE=x\nRUN a');
  t.deepEqual(
    lastStep(graph).args.map(({name, value}) => `${name}=${value ?? ''}`),
    ['NONE=x', 'A=arg', 'B=env'],
  );
});

test('the image config is what Docker 28 writes', (t) => {
  const graph = graphOf(`FROM scratch
ENV P="80 81" S=SIGQUIT "Q q"=1 BASE$S=2
EXPOSE $P 90-92/udp "8008" 1:2/TCP
STOPSIGNAL $S
VOLUME ["/a", "$P"]
VOLUME /c /d$S
LABEL "a b"="$P" c$S=2 "$P"=3
WORKDIR "$HOME/portal"
WORKDIR $P/../x/
CMD x  y "$P"
ENTRYPOINT ["e", "$P"]
ENTRYPOINT e   "$P"
HEALTHCHECK --interval=5s CMD x $P
SHELL ["/bin/bash","-c"]
CMD a
MAINTAINER me
USER "\${P}x"
ONBUILD RUN $P
ONBUILD COPY --from=x y z`);
  const {config, author} = targetStage(graph);
  t.is(author, 'me');
  t.deepEqual(JSON.parse(JSON.stringify(config)), {
    User: '80 81x',
    ExposedPorts: {
      ...{'2/tcp': {}, '80/tcp': {}, '8008/tcp': {}, '81/tcp': {}, '90/udp': {}, '91/udp': {}, '92/udp': {}},
    },
    Env: [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ...['P=80 81', 'S=SIGQUIT', 'Q q=1', 'BASE=2'],
    ],
    Entrypoint: ['/bin/sh', '-c', 'e   "$P"'],
    Cmd: ['/bin/bash', '-c', 'a'],
    Volumes: {'/a': {}, '/c': {}, '/dSIGQUIT': {}, '80 81': {}},
    WorkingDir: '/portal/x',
    Labels: {'80 81': '3', 'a b': '80 81', cSIGQUIT: '2'},
    StopSignal: 'SIGQUIT',
    ArgsEscaped: true,
    Healthcheck: {Test: ['CMD-SHELL', 'x $P'], Interval: 5_000_000_000},
    OnBuild: ['RUN $P', 'COPY --from=x y z'],
    Shell: ['/bin/bash', '-c'],
  });
});

test('ENTRYPOINT drops the CMD of the base image, and of the parent stage', (t) => {
  const options = {baseConfigs: new Map([['x', triggers]])};
  t.is(targetStage(graphOf('FROM x\nENTRYPOINT ["e"]', options)).config.Cmd, undefined);
  t.is(targetStage(graphOf('FROM y AS a\nCMD c\nFROM a\nENTRYPOINT ["e"]')).config.Cmd, undefined);
  t.deepEqual(targetStage(graphOf('FROM x\nCMD ["c"]\nENTRYPOINT ["e"]', options)).config.Cmd, ['c']);
  t.deepEqual(targetStage(graphOf('FROM x\nENTRYPOINT ["e"]\nCMD ["c"]', options)).config.Cmd, ['c']);
});

test('WORKDIR: the config holds an absolute path as written, a relative one resolved', (t) => {
  const at = (...paths: readonly string[]) => {
    const {config, workdir} = targetStage(
      graphOf(`FROM scratch\n${paths.map((path) => `WORKDIR ${path}\n`).join('')}`),
    );
    return [config.WorkingDir, workdir];
  };
  t.deepEqual(at(), ['/', '/']);
  t.deepEqual(at('/a/'), ['/a/', '/a']);
  t.deepEqual(at('/a//b/'), ['/a//b/', '/a/b']);
  t.deepEqual(at('/a/', 'b/'), ['/a/b', '/a/b']);
  t.deepEqual(at('a', '../..'), ['/', '/']);
  t.deepEqual(at('/a', '$NONE'), ['/a', '/a']);
});

test('ArgsEscaped comes with CMD alone, and EXPOSE of nothing leaves no trace', (t) => {
  t.is(targetStage(graphOf('FROM scratch\nENTRYPOINT x')).config.ArgsEscaped, undefined);
  t.true(targetStage(graphOf('FROM scratch\nCMD x')).config.ArgsEscaped);
  t.is(targetStage(graphOf('FROM scratch\nEXPOSE $NONE')).config.ExposedPorts, undefined);
});

test("a base image's working directory is clean, its triggers are not handed on, --label is", (t) => {
  const options = {baseConfigs: new Map([['x', triggers]]), labels: {a: 'cli'}};
  const {config, workdir, baseKnown} = targetStage(graphOf('FROM x\nLABEL a=1 b=2', options));
  t.is(workdir, '/basewd');
  t.is(config.OnBuild, undefined);
  t.deepEqual(config.Labels, {a: 'cli', b: '2'});
  t.true(baseKnown);
});

test('COPY resolves its destination and its flags', (t) => {
  const graph = graphOf(`FROM x
ARG M=7 CH=1:1 CM=644 EX=*.md
WORKDIR /w
COPY --chown=$CH --chmod=$CM --exclude=$EX --link --parents a$M b ./sub$M/
`);
  const {operation, text} = lastStep(graph);
  t.like(operation, {
    kind: 'copy',
    source: {kind: 'main-context'},
    sources: ['a7', 'b'],
    destination: '/w/sub7/',
    ...{chown: '1:1', chmod: '644', excludes: ['$EX'], link: true, parents: true},
  });
  t.is(text, 'COPY --chown=1:1 --chmod=644 --link --parents --exclude=$EX a7 b ./sub7/');
});
for (const [destination, expected] of [
  ['.', '/w/'],
  ['./', '/w/'],
  ['a', '/w/a'],
  ['a/', '/w/a/'],
  ['/', '/'],
  ['/a/../b', '/b'],
  ['../../..', '/'],
  ['..', '/'],
] as const) {
  test(`COPY to ${destination} from /w goes to ${expected}`, (t) => {
    const {operation} = lastStep(graphOf(`FROM x\nWORKDIR /w\nCOPY f ${destination}`));
    t.like(operation, {destination: expected});
  });
}

test('here-documents of COPY are files with their variables expanded', (t) => {
  const graph = graphOf(`FROM x
ARG M=7
COPY <<E1 <<"E2" <<-E3 f /t$M/
a $M
 E1x
E1
b $M
E2
	c \${M:-x} "$M" \\$M
E3
`);
  t.like(lastStep(graph).operation, {
    sources: ['f'],
    files: [
      {name: 'E1', content: 'a 7\n E1x\n'},
      {name: 'E2', content: 'b $M\n'},
      {name: 'E3', content: 'c 7 "7" $M\n'},
    ],
  });
});

test('RUN: the shell, its here-documents, and a script of its own', (t) => {
  const argv = (text: string): unknown => {
    const {operation} = lastStep(graphOf(`FROM x\nSHELL ["/bin/bash", "-ec"]\n${text}`));
    return operation.kind === 'run' ? operation.argv : undefined;
  };
  t.deepEqual(argv('RUN echo $0  x'), ['/bin/bash', '-ec', 'echo $0  x']);
  t.deepEqual(argv('RUN ["echo", "$0"]'), ['echo', '$0']);
  t.deepEqual(argv('RUN <<EOF\necho $0\nEOF'), ['/bin/bash', '-ec', 'echo $0\n']);
  t.deepEqual(argv('RUN <<EOF cat\nx\nEOF'), ['/bin/bash', '-ec', '<<EOF cat\nx\nEOF']);
  t.deepEqual(argv('RUN <<EOF\n#!/bin/cat\nx\nEOF'), ['/bin/bash', '-ec', '/dev/pipes/EOF']);
});

test('RUN --mount: sources, targets and ids', (t) => {
  const graph = graphOf(`FROM x AS tools
FROM y
ARG S=f
WORKDIR /w
RUN --mount=from=tools,source=/$S,target=m --mount=type=cache,target=c --mount=type=secret,id=s --network=none make`);
  const {operation, reads} = lastStep(graph);
  t.deepEqual(reads, [{kind: 'stage', index: 0}]);
  if (operation.kind !== 'run') throw new Error('not RUN');
  t.is(operation.network, 'none');
  t.like(operation.mounts[0], {type: 'bind', target: '/w/m', source: '/f', from: {kind: 'stage', index: 0}});
  t.like(operation.mounts[1], {type: 'cache', target: '/w/c', id: '/w/c', from: {kind: 'scratch'}});
  t.like(operation.mounts[2], {type: 'secret', id: 's', target: '/run/secrets/s', from: undefined});
});

test('stages that the target does not need are not reachable', (t) => {
  const text =
    'FROM a1 AS a\nFROM b1 AS b\nCOPY --from=a / /\nFROM c1 AS c\nFROM b AS d\nRUN --mount=from=a,target=/m x';
  const reached = (target: string): string =>
    graphOf(text, {target})
      .stages.flatMap(({name, reachable}) => (reachable ? (name ?? '') : []))
      .join('');
  t.is(reached('a'), 'a');
  t.is(reached('b'), 'ab');
  t.is(reached('C'), 'c');
  t.is(reached('d'), 'abd');
  t.deepEqual(graphOf(text, {target: 'b'}).images, ['a1', 'b1']);
  t.deepEqual(graphOf(text).stages[3]?.needs, [0, 1]);
});

test('a named context takes the place of a stage, and of an image', (t) => {
  const text = 'FROM debian:bookworm AS src\nRUN x\nFROM docker.io/library/debian:bookworm\nCOPY --from=SRC /f /';
  const graph = graphOf(text, {namedContexts: new Set(['src', 'debian:bookworm'])});
  t.deepEqual(graph.stages[0]?.base, {kind: 'context', name: 'src'});
  t.is(graph.stages[0]?.steps.length, 0);
  t.deepEqual(graph.stages[1]?.base, {kind: 'context', name: 'debian:bookworm'});
  t.deepEqual(graph.images, []);
});

test('a stage may have the name of its image; of two stages of one name the last counts for COPY', (t) => {
  t.deepEqual(graphOf('FROM debian AS debian\nFROM debian').stages[1]?.base, {kind: 'stage', index: 0});
  const graph = graphOf('FROM a1 AS x\nFROM b1 AS x\nFROM c1\nCOPY --from=x / /');
  t.deepEqual(lastStep(graph).reads, [{kind: 'stage', index: 1}]);
  t.deepEqual(
    graph.stages.map(({label}) => label),
    ['0', 'x', '2'],
  );
});

test('images of COPY --from and of mounts are images of the graph', (t) => {
  const graph = graphOf(
    'FROM a\nCOPY --from=nginx:1 /x /\nRUN --mount=from=busybox,target=/b x\nCOPY --from=nginx:1 /y /',
  );
  t.deepEqual(graph.images, ['a', 'nginx:1', 'busybox']);
});

test('a broken stage that the target does not need stops nothing', (t) => {
  const graph = graphOf('FROM a AS bad\nENV A="${B:?no}"\nCOPY --from=1 / /\nFROM b AS good', {target: 'good'});
  t.is(graph.stages[0]?.reachable, false);
});
