import test from 'ava';
import type {Operation} from '../../engine/stages/graph.js';
import {graphOf} from '../helpers/graph.js';
import {args, config, mount, path, sees, shell, stage, step} from '../helpers/reference.js';

// Results that the Dockerfile reference states in its text, section by section.

// Format
test('a # that does not begin a line', step, "FROM x\nRUN printf 'no. # 1'", {command: "printf 'no. # 1'"});
test('a comment between continued lines', step, 'FROM x\nRUN printf one \\\n# gone\ntwo', {command: 'printf one two'});
test('the same without the comment', step, 'FROM x\nRUN printf one \\\ntwo', {command: 'printf one two'});
test('space inside of an argument', step, 'FROM x\nRUN printf "\\\n  two\\\n   words"', {
  command: 'printf "  two   words"',
});
test('backquote as escape', step, '# escape=`\nFROM x\nCOPY a d:\\\nRUN dir d:\\', {command: 'dir d:\\'});

// Environment replacement
const root = 'FROM x\nENV ROOT=/srv\nWORKDIR /w\n';
test('WORKDIR with a variable', stage, `${root}WORKDIR \${ROOT}`, {workdir: '/srv'});
test('ADD to a variable', step, `${root}ADD . $ROOT`, {sources: ['.'], destination: '/srv'});
test('an escaped variable', step, `${root}COPY \\$ROOT /l`, {sources: ['$ROOT'], destination: '/l'});
test('an escaped variable in braces', step, `${root}COPY \\\${ROOT} /l`, {sources: ['${ROOT}'], destination: '/l'});
test('one value within an instruction', config, 'FROM x\nENV one=a\nENV one=b two=$one\nENV three=$one', {
  Env: [path, 'one=b', 'two=a', 'three=b'],
});
test(
  'STOPSIGNAL, USER, VOLUME, EXPOSE and LABEL with variables',
  config,
  'FROM x\nENV S=9 U=ann V=/v P=53/udp\nSTOPSIGNAL $S\nUSER $U\nVOLUME $V\nEXPOSE $P\nLABEL of=$U',
  {
    StopSignal: '9',
    User: 'ann',
    Volumes: {'/v': {}},
    ExposedPorts: {'53/udp': {}},
    Labels: {of: 'ann'},
  },
);

// Shell and exec form
test('exec form', step, 'FROM x\nRUN ["printf", "$HOME"]', {argv: ['printf', '$HOME'], shellForm: false});
test('exec form of a shell', step, 'FROM x\nRUN ["dash", "-ec", "printf $HOME"]', {
  argv: ['dash', '-ec', 'printf $HOME'],
});
test('exec form that is no JSON', step, 'FROM x\nRUN ["d:\\bin\\scan.exe"]', {
  argv: [...shell, '["d:\\bin\\scan.exe"]'],
  shellForm: true,
});
test('exec form with escaped backslashes', step, 'FROM x\nRUN ["d:\\\\bin\\\\scan.exe"]', {
  argv: ['d:\\bin\\scan.exe'],
});
test('shell form over lines', step, 'FROM x\nRUN . $HOME/env && \\\nprintf $HOME', {
  argv: [...shell, '. $HOME/env && printf $HOME'],
});
test('shell form with a here-document', step, 'FROM x\nRUN <<END\n  . $HOME/env\n  ls\nEND', {
  argv: [...shell, '  . $HOME/env\n  ls\n'],
});
test('another shell', step, 'FROM x\nSHELL ["/bin/dash", "-ec"]\nRUN ls', {argv: ['/bin/dash', '-ec', 'ls']});

// FROM
test('no tag means latest', stage, 'FROM debian', {fromName: '[1/1] FROM docker.io/library/debian:latest'});
test(
  'a stage made from an earlier one',
  stage,
  'FROM a AS shared\nFROM shared AS develop\nFROM shared\nCOPY --from=develop /o /',
  {
    base: {kind: 'stage', index: 0},
    needs: [0, 1],
  },
);
const cleared = 'FROM a\nENV A=1\nUSER ann\nWORKDIR /a\nLABEL l=1\nFROM b';
test('FROM clears the config of the stage before', config, cleared, {Env: [path], Labels: undefined});
test('FROM clears the place and the user of the stage before', stage, cleared, {workdir: '/', user: ''});
const other = {platform: {os: 'linux', architecture: 'arm64'}};
test('the platform is the target platform', stage, 'FROM a', {platform: {os: 'linux', architecture: 'arm64'}}, other);
test(
  'the platform of the builder',
  stage,
  'FROM --platform=$BUILDPLATFORM a',
  {platform: {os: 'linux', architecture: 'amd64'}},
  other,
);
test('the platform as written', stage, 'FROM --platform=windows/amd64 a', {
  platform: {os: 'windows', architecture: 'amd64'},
});
test('an ARG before FROM serves every FROM', (t) => {
  const text = 'ARG SUITE=bookworm\nFROM debian:${SUITE}\nCMD /a\nFROM shop/tools:${SUITE}\nCOPY --from=0 / /';
  t.deepEqual(graphOf(text).images, ['debian:bookworm', 'shop/tools:bookworm']);
  t.deepEqual(graphOf(text, args({SUITE: 'sid'})).images, ['debian:sid', 'shop/tools:sid']);
});
test('an ARG before FROM, taken into the stage', sees, 'ARG SUITE=sid\nFROM debian:$SUITE\nARG SUITE\nRUN x', {
  SUITE: 'sid',
});
test('an ARG before FROM, not taken', sees, 'ARG SUITE=sid\nFROM debian:$SUITE\nRUN x', {});

// RUN
const mounts = 'FROM m AS weights\nFROM n AS ask\nFROM x\nWORKDIR /w\nRUN ';
test(
  'bind is the type without one',
  mount,
  `${mounts}--mount=from=weights,target=/models --mount=from=ask,target=/tmp x`,
  {type: 'bind', from: {kind: 'stage', index: 0}, target: '/models', source: '/', readOnly: true},
  {type: 'bind', from: {kind: 'stage', index: 1}, target: '/tmp'},
);
test('bind on the working directory', mount, `${mounts}--mount=type=bind,target=. x`, {
  from: {kind: 'main-context'},
  target: '/w',
});
test('bind that may be written', mount, `${mounts}--mount=target=/x,rw x`, {readOnly: false});
test('cache', mount, `${mounts}--mount=type=cache,target=/root/.cache/x \\\n  x`, {
  ...{type: 'cache', id: '/root/.cache/x', sharing: 'shared', readOnly: false, from: {kind: 'scratch'}},
});
test(
  'caches that are locked',
  mount,
  `${mounts}--mount=type=cache,target=/a,sharing=locked \\\n  --mount=type=cache,target=/b,sharing=private x`,
  {target: '/a', sharing: 'locked'},
  {target: '/b', sharing: 'private'},
);
test('tmpfs', mount, `${mounts}--mount=type=tmpfs,target=/t,size=1m x`, {type: 'tmpfs', target: '/t', size: 1_048_576});
test('secret as a file', mount, `${mounts}--mount=type=secret,id=mirror,target=/root/.netrc x`, {
  ...{type: 'secret', id: 'mirror', target: '/root/.netrc', required: false, env: undefined},
});
test('secret in its usual place', mount, `${mounts}--mount=type=secret,id=mirror x`, {target: '/run/secrets/mirror'});
test('secret named by its target', mount, `${mounts}--mount=type=secret,target=/etc/mirror x`, {id: 'mirror'});
test('secret as a variable', mount, `${mounts}--mount=type=secret,id=UP,env=UP x`, {
  id: 'UP',
  env: 'UP',
  target: undefined,
});
test('ssh', mount, `${mounts}--mount=type=ssh \\\n  x`, {type: 'ssh', id: 'default', required: false});
for (const [text, name, required] of [
  ['vendor.example/card', 'vendor.example/card', false],
  ['vendor.example/card=left,required', 'vendor.example/card=left', true],
  ['vendor.example/card=*', 'vendor.example/card=*', false],
  ['fast,required=false', 'fast', false],
  ['required,name=fast', 'fast', true],
] as const) {
  test(`RUN --device=${text}`, step, `FROM x\nRUN --device=${text} x`, {devices: [{name, required}]});
}
for (const text of ['required', 'a,b', 'a,name=b', 'a,required=maybe', 'a,requird=true', 'a,"b']) {
  test(`RUN --device=${text} is refused`, (t) => {
    t.throws(() => graphOf(`FROM x\nRUN --device='${text}' x`), {code: 'DOCKERFILE_FLAG', message: /--device/});
  });
}
test('no network', step, 'FROM x\nADD bundle.tgz in/\nRUN --network=none x', {network: 'none'});
test('network of the host', step, 'FROM x\nRUN --network=host x', {network: 'host'});
test('network default is the one without a flag', step, 'FROM x\nRUN x', {network: 'default'});
test('security insecure', step, 'FROM x\nRUN --security=insecure x', {security: 'insecure'});
test('security sandbox is the one without a flag', step, 'FROM x\nRUN x', {security: 'sandbox'});

// ADD and COPY
for (const keyword of ['ADD', 'COPY'] as const) {
  const at = (text: string): string => `FROM x\nARG BITS=440\nWORKDIR /usr/app\n${keyword} ${text}`;
  const rows: readonly (readonly [text: string, expected: Partial<Operation>])[] = [
    ['one.txt two.txt /both/', {sources: ['one.txt', 'two.txt'], destination: '/both/'}],
    ['["a b", "/c d/"]', {sources: ['a b'], destination: '/c d/'}],
    ['*.svg /art/', {sources: ['*.svg']}],
    ['page.?tm /art/', {sources: ['page.?tm']}],
    ['row[[]3].csv /art/', {sources: ['row[[]3].csv']}],
    ['one.txt /to/', {destination: '/to/'}],
    ['one.txt /to', {destination: '/to'}],
    ['one.txt to/', {destination: '/usr/app/to/'}],
    ['--chmod=755 a /b', {chmod: '755'}],
    ['--chmod=$BITS a /b', {chmod: '440'}],
    ['--chmod=+x a /b', {chmod: '+x'}],
    ['--chmod=u=rwX,go=rX . /b', {chmod: 'u=rwX,go=rX'}],
    ['--chmod=g=u a /b', {chmod: 'g=u'}],
    ['--chown=12:staff a /b', {chown: '12:staff'}],
    ['--chown=games a /b', {chown: 'games'}],
    ['--chown=7 a /b', {chown: '7'}],
    ['--chown=20:21 a /b', {chown: '20:21'}],
    ['--chown=ann:staff --chmod=644 a* /b/', {chown: 'ann:staff', chmod: '644'}],
    ['--link /a /b', {link: true, sources: ['/a']}],
    ['--link=false /a /b', {link: false}],
    ['--exclude=*.log --exclude=*.tmp run* /out/', {excludes: ['*.log', '*.tmp'], sources: ['run*']}],
  ];
  for (const [text, expected] of rows) test(`${keyword} ${text}`, step, at(text), expected);
}
const url = 'https://files.example/all.tar.gz';
const repository = 'https://git.example/ann/tools.git';
for (const [text, expected] of [
  [`${url} /in/`, {sources: [url], unpack: undefined, destination: '/in/'}],
  [`${repository} /in/`, {sources: [repository], keepGitDir: false}],
  ['git@git.example:ann/tools.git#v2.1:manual /m', {sources: ['git@git.example:ann/tools.git#v2.1:manual']}],
  [`--keep-git-dir=true ${repository}#v2.1 /t`, {keepGitDir: true}],
  [`--checksum=0a1b2c3 ${repository}#v2.1 /`, {checksum: '0a1b2c3'}],
  [`--checksum=sha256:${'0a'.repeat(32)} ${url} /`, {checksum: `sha256:${'0a'.repeat(32)}`}],
  [`--unpack=true ${url} /in`, {unpack: true}],
  ['--unpack=false all.tar.gz .', {unpack: false, destination: '/'}],
] as const) {
  test(`ADD ${text}`, step, `FROM x\nADD ${text}`, expected);
}
test('COPY --from a stage', step, 'FROM x AS make\nFROM scratch\nCOPY --from=make /tool /', {
  source: {kind: 'stage', index: 0},
});
test('COPY --from an image', step, 'FROM x\nCOPY --from=caddy:2 /etc/c /c', {
  source: {kind: 'image', reference: 'caddy:2'},
});
test(
  'COPY --from a named context',
  step,
  'FROM x\nCOPY --from=docs a /a',
  {source: {kind: 'context', name: 'docs'}},
  {
    namedContexts: new Set(['docs']),
  },
);
test('COPY --parents', step, 'FROM x\nCOPY --parents ./p/./q/*.md ./lib/**/*.md /deep/', {
  ...{parents: true, sources: ['./p/./q/*.md', './lib/**/*.md'], destination: '/deep/'},
});

// Here-documents
test('a script for a program', step, 'FROM x\nRUN <<END dash\n  set -eu\nEND', {
  argv: [...shell, '<<END dash\n  set -eu\nEND'],
});
test('a script for the default shell', step, 'FROM x\nRUN <<END\n  ls\nEND', {argv: [...shell, '  ls\n']});
test('a script with its interpreter', step, 'FROM x\nRUN <<END\n#!/usr/bin/env node\n1\nEND', {
  script: {name: 'END', content: '#!/usr/bin/env node\n1\n'},
});
test('two here-documents of RUN', step, 'FROM x\nRUN <<L cat > l && <<R cat > r\na\nL\nb\nR', {
  argv: [...shell, '<<L cat > l && <<R cat > r\na\nL\nb\nR'],
});
const who = 'FROM x\nARG WHO=ann\nWORKDIR /w\n';
test('a file of COPY', step, `${who}COPY <<END note.txt\nfor all\nEND`, {
  ...{sources: [], files: [{name: 'END', content: 'for all\n'}], destination: '/w/note.txt'},
});
test('a file with a variable', step, `${who}COPY <<-END /s\n\techo "hi \${WHO}"\nEND`, {
  files: [{name: 'END', content: 'echo "hi ann"\n'}],
});
test('a file whose word is quoted', step, `${who}COPY <<-"END" /s\n  echo "hi \${WHO}"\nEND`, {
  files: [{name: 'END', content: '  echo "hi ${WHO}"\n'}],
});
