import test from 'ava';
import type {ResolveOptions} from '../../engine/stages/options.js';
import {buildArgs, graphOf, lastEnvironment} from '../helpers/graph.js';

/** The environment that the target's last step has. */
const sees = test.macro({
  exec(t, dockerfile: string, expected: Readonly<Record<string, string>>, options: ResolveOptions = {}) {
    t.deepEqual(lastEnvironment(graphOf(dockerfile, options)), expected);
  },
  title: (title = '') => `scope: ${title}`,
});
const run = '\nRUN x';

// Every row was compared with BuildKit of Docker 28 where the reference leaves a question open.
test('ARG with a default is in the environment', sees, `FROM x\nARG A=1${run}`, {A: '1'});
test('ARG without a value is not', sees, `FROM x\nARG A${run}`, {});
test('ARG with an empty default is, empty', sees, `FROM x\nARG A=${run}`, {A: ''});
test(
  'a build argument replaces the default',
  sees,
  `FROM x\nARG A=1${run}`,
  {A: '2'},
  {buildArgs: buildArgs({A: '2'})},
);
test(
  'a build argument fills an ARG without default',
  sees,
  `FROM x\nARG A${run}`,
  {A: '2'},
  {buildArgs: buildArgs({A: '2'})},
);
test(
  'an empty build argument replaces the default',
  sees,
  `FROM x\nARG A=1${run}`,
  {A: ''},
  {buildArgs: buildArgs({A: ''})},
);
test('a build argument that no ARG declares is not seen', sees, `FROM x${run}`, {}, {buildArgs: buildArgs({A: '2'})});
test('ARG is not seen before its line', sees, `FROM x\nENV B=\${A:-none}\nARG A=1${run}`, {A: '1', B: 'none'});
test('ARG is seen in ENV after its line', sees, `FROM x\nARG A=1\nENV B=$A${run}`, {A: '1', B: '1'});
test('a later ARG of the same name replaces the earlier one', sees, `FROM x\nARG A=1\nARG A=2${run}`, {A: '2'});
test('ARG declared again without default keeps its value', sees, `FROM x\nARG A=1\nARG A${run}`, {A: '1'});
test('ARG sees earlier ones of its line', sees, `FROM x\nARG A=1 B=$A${run}`, {A: '1', B: '1'});
test('ARG does not see later ones of its line', sees, `FROM x\nARG B=$A A=1${run}`, {B: '', A: '1'});
test(
  'the default of an overridden ARG is not expanded',
  sees,
  `FROM x\nARG A=\${B:?no}${run}`,
  {A: '2'},
  {buildArgs: buildArgs({A: '2'})},
);
test('a build argument is not expanded', sees, `FROM x\nARG A${run}`, {A: '$B'}, {buildArgs: buildArgs({A: '$B'})});

test('a global ARG is not seen in a stage', sees, `ARG A=1\nFROM x${run}`, {});
test('a global ARG is seen where the stage declares it without default', sees, `ARG A=1\nFROM x\nARG A${run}`, {
  A: '1',
});
test("the stage's own default wins over the global one", sees, `ARG A=1\nFROM x\nARG A=2${run}`, {A: '2'});
test(
  'a build argument reaches stage through a global ARG',
  sees,
  `ARG A=1\nFROM x\nARG A${run}`,
  {A: '3'},
  {buildArgs: buildArgs({A: '3'})},
);
test(
  'a build argument wins over the default of the stage',
  sees,
  `ARG A=1\nFROM x\nARG A=2${run}`,
  {A: '3'},
  {buildArgs: buildArgs({A: '3'})},
);
test('a global ARG without value gives none', sees, `ARG A\nFROM x\nARG A${run}`, {});
test('a global ARG may use one before it', sees, `ARG A=1\nARG B=\${A}2\nFROM x\nARG B${run}`, {B: '12'});
test('a global ARG may use one of its line', sees, `ARG A=1 B=\${A}2\nFROM x\nARG B${run}`, {B: '12'});
test(
  'a global ARG uses the build argument of another',
  sees,
  `ARG A=1\nARG B=$A\nFROM x\nARG B${run}`,
  {B: '9'},
  {buildArgs: buildArgs({A: '9'})},
);
test('a global ARG may be declared twice', sees, `ARG A=1\nARG A=2\nFROM x\nARG A${run}`, {A: '2'});
test('a global ARG cannot use ENV of a stage', sees, `ARG A=\${B:-none}\nFROM x\nENV B=1\nARG A${run}`, {
  B: '1',
  A: 'none',
});
test('ARG of one stage is not seen in another', sees, `FROM x AS a\nARG A=1\nFROM y${run}`, {});
test('ENV of one stage is not seen in another', sees, `FROM x AS a\nENV A=1\nFROM y${run}`, {});
test('ARG goes on into a stage made from this one', sees, `FROM x AS a\nARG A=1\nFROM a${run}`, {A: '1'});
test('ENV goes on into a stage made from this one', sees, `FROM x AS a\nENV A=1\nFROM a${run}`, {A: '1'});
test(
  'a build argument of the parent goes on',
  sees,
  `FROM x AS a\nARG A\nFROM a${run}`,
  {A: '2'},
  {buildArgs: buildArgs({A: '2'})},
);
test('ARG goes on over two stages', sees, `FROM x AS a\nARG A=1\nFROM a AS b\nFROM b${run}`, {A: '1'});
test('a stage may declare an inherited ARG anew', sees, `FROM x AS a\nARG A=1\nFROM a\nARG A=2${run}`, {A: '2'});
test('an inherited ARG declared without default keeps its value', sees, `FROM x AS a\nARG A=1\nFROM a\nARG A${run}`, {
  A: '1',
});
test(
  'an inherited ARG declared without default takes the global value',
  sees,
  `ARG A=0\nFROM x AS a\nARG A=1\nFROM a\nARG A${run}`,
  {A: '0'},
);

test('ENV after ARG replaces it', sees, `FROM x\nARG A=1\nENV A=2${run}`, {A: '2'});
test(
  'ENV after ARG wins over the build argument',
  sees,
  `FROM x\nARG A\nENV A=2${run}`,
  {A: '2'},
  {buildArgs: buildArgs({A: '3'})},
);
test('ENV may take its own ARG as default', sees, `FROM x\nARG A\nENV A=\${A:-v1}${run}`, {A: 'v1'});
test(
  'ENV from its own ARG, given',
  sees,
  `FROM x\nARG A\nENV A=\${A:-v1}${run}`,
  {A: 'v2'},
  {buildArgs: buildArgs({A: 'v2'})},
);
test('ARG with a value after ENV is what RUN sees', sees, `FROM x\nENV A=1\nARG A=2${run}`, {A: '2'});
test('ARG without a value after ENV changes nothing', sees, `FROM x\nENV A=1\nARG A${run}`, {A: '1'});
test('ARG over ENV ends with its stage', sees, `FROM x AS a\nENV A=1\nARG A=2\nFROM a${run}`, {A: '1'});
test('ENV and ARG of several names', sees, `FROM x\nARG A=1 B=2\nENV B=3 C=4${run}`, {A: '1', B: '3', C: '4'});

test(
  'ENV expands with the values before its line',
  sees,
  `FROM x\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc${run}`,
  {abc: 'bye', def: 'hello', ghi: 'bye'},
);
test('ENV of an unset name is empty', sees, `FROM x\nENV A=$B${run}`, {A: ''});
test('ENV may put a path before PATH', sees, `FROM x\nENV P=/opt:$PATH${run}`, {
  P: '/opt:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
});
test('ENV in single quotes is not expanded', sees, `FROM x\nENV A=1\nENV B='$A'${run}`, {A: '1', B: '$A'});
test('ENV with an escaped dollar is not expanded', sees, `FROM x\nENV A=1\nENV B=\\$A C="\\$A"${run}`, {
  A: '1',
  B: '$A',
  C: '$A',
});
test('ENV keeps spaces in double quotes', sees, `FROM x\nENV A="a  b"${run}`, {A: 'a  b'});
test('ENV takes escaped spaces', sees, `FROM x\nENV A=a\\ b${run}`, {A: 'a b'});
test('ENV with one space-separated value', sees, `FROM x\nENV A a b  c${run}`, {A: 'a b  c'});
test('ENV name from a variable', sees, `FROM x\nENV A=B\nENV X$A=1${run}`, {A: 'B', XB: '1'});
test('ENV name in quotes', sees, `FROM x\nENV "A B"=1${run}`, {'A B': '1'});
test('ENV value with equals signs', sees, `FROM x\nENV A=b=c=d${run}`, {A: 'b=c=d'});
test('ENV value with braces', sees, `FROM x\nENV A={"a":1}${run}`, {A: '{a:1}'});
test('ENV over several lines', sees, `FROM x\nENV A=1 \\\n  # note\n  B=2 \\\n\n  C=3${run}`, {A: '1', B: '2', C: '3'});
test('ENV twice on one line: the last one counts', sees, `FROM x\nENV A=1 A=2${run}`, {A: '2'});
test('ENV with the other escape character', sees, `# escape=\`\nFROM x\nENV A=c:\\dir\\ B=\`$A${run}`, {
  A: 'c:\\dir\\',
  B: '$A',
});

const modifiers: readonly (readonly [word: string, value: string])[] = [
  ['${S:-d}', 'set'],
  ['${E:-d}', 'd'],
  ['${U:-d}', 'd'],
  ['${S-d}', 'set'],
  ['${E-d}', ''],
  ['${U-d}', 'd'],
  ['${S:+d}', 'd'],
  ['${E:+d}', ''],
  ['${U:+d}', ''],
  ['${S+d}', 'd'],
  ['${E+d}', 'd'],
  ['${U+d}', ''],
  ['${S:?d}', 'set'],
  ['${S?d}', 'set'],
  ['${E?d}', ''],
  ['${U:-$S}', 'set'],
  ['${U:-${E:-deep}}', 'deep'],
  ['${P#*/}', 'b/c.tar.gz'],
  ['${P##*/}', 'c.tar.gz'],
  ['${P%.*}', 'a/b/c.tar'],
  ['${P%%.*}', 'a/b/c'],
  ['${P/b/X}', 'a/X/c.tar.gz'],
  ['${P//a/X}', 'X/b/c.tXr.gz'],
  ['$S$S', 'setset'],
  ['${S}x', 'setx'],
  ['$Sx', ''],
  ['a$U', 'a'],
  ['"$S"', 'set'],
  ["'$S'", '$S'],
  ['\\$S', '$S'],
  ['"\\$S"', '$S'],
];
for (const [word, value] of modifiers) {
  test(`ENV R=${word}`, (t) => {
    const graph = graphOf(`FROM x\nARG S=set E= P=a/b/c.tar.gz\nENV R=${word}${run}`);
    t.is(lastEnvironment(graph)['R'], value);
  });
}

const automatic = (name: string): string => `FROM x\nARG ${name}${run}`;
test('TARGETPLATFORM', sees, automatic('TARGETPLATFORM'), {TARGETPLATFORM: 'linux/amd64'});
test('TARGETOS', sees, automatic('TARGETOS'), {TARGETOS: 'linux'});
test('TARGETARCH', sees, automatic('TARGETARCH'), {TARGETARCH: 'amd64'});
test('TARGETVARIANT is empty', sees, automatic('TARGETVARIANT'), {TARGETVARIANT: ''});
test('BUILDPLATFORM', sees, automatic('BUILDPLATFORM'), {BUILDPLATFORM: 'linux/amd64'});
test('TARGETSTAGE of an unnamed target', sees, automatic('TARGETSTAGE'), {TARGETSTAGE: 'default'});
test('TARGETSTAGE is the name of the target', sees, `FROM x AS Last\nARG TARGETSTAGE${run}`, {TARGETSTAGE: 'last'});
test('TARGETSTAGE in a stage before', sees, `FROM x AS a\nARG TARGETSTAGE\nFROM a AS b${run}`, {TARGETSTAGE: 'b'});
const arm = {platform: {os: 'linux', architecture: 'arm', variant: 'v7'}};
test('TARGETPLATFORM of another platform', sees, automatic('TARGETPLATFORM'), {TARGETPLATFORM: 'linux/arm/v7'}, arm);
test('TARGETVARIANT of another platform', sees, automatic('TARGETVARIANT'), {TARGETVARIANT: 'v7'}, arm);
test('BUILDARCH stays that of the builder', sees, automatic('BUILDARCH'), {BUILDARCH: 'amd64'}, arm);
test('TARGETARCH has to be declared', sees, `FROM x${run}`, {});
test('TARGETARCH may have a default of its own', sees, `FROM x\nARG TARGETARCH=mips${run}`, {TARGETARCH: 'mips'});
test(
  'TARGETARCH can be given',
  sees,
  automatic('TARGETARCH'),
  {TARGETARCH: 'z80'},
  {buildArgs: buildArgs({TARGETARCH: 'z80'})},
);
test('global ARG may use TARGETARCH', sees, `ARG A=deb-$TARGETARCH\nFROM x\nARG A${run}`, {A: 'deb-amd64'});
test(
  'HTTP_PROXY is not a variable of the Dockerfile',
  sees,
  `FROM x\nENV A=$HTTP_PROXY${run}`,
  {A: ''},
  {buildArgs: buildArgs({HTTP_PROXY: 'http://p'})},
);
test(
  'HTTP_PROXY is one where it is declared',
  sees,
  `FROM x\nARG HTTP_PROXY\nENV A=$HTTP_PROXY${run}`,
  {HTTP_PROXY: 'http://p', A: 'http://p'},
  {buildArgs: buildArgs({HTTP_PROXY: 'http://p'})},
);
test(
  'SOURCE_DATE_EPOCH has to be declared',
  sees,
  `FROM x\nARG SOURCE_DATE_EPOCH${run}`,
  {SOURCE_DATE_EPOCH: '5'},
  {buildArgs: buildArgs({SOURCE_DATE_EPOCH: '5'})},
);
test('arguments for the frontend reach no RUN', sees, `FROM x\nARG BUILDKIT_SBOM_SCAN_STAGE=true${run}`, {});

const base = new Map([
  [
    'x',
    {
      architecture: 'amd64',
      os: 'linux',
      rootfs: {type: 'layers' as const, diff_ids: []},
      config: {Env: ['PATH=/p', 'B=base']},
    },
  ],
]);
const path = (text: string): string => `FROM x\n${text}${run}`;
test(
  'the variables of a known base image',
  sees,
  path('ENV A=$B:$PATH'),
  {B: 'base', A: 'base:/p'},
  {baseConfigs: base},
);
test('ENV replaces one of the base image', sees, path('ENV B=mine'), {B: 'mine'}, {baseConfigs: base});
test('ARG over one of the base image', sees, path('ARG B=mine'), {B: 'mine'}, {baseConfigs: base});
test('ARG without value leaves that of the base image', sees, path('ARG B'), {B: 'base'}, {baseConfigs: base});
test(
  'a base image is known by its full name too',
  sees,
  `FROM docker.io/library/x:latest${run}`,
  {B: 'base'},
  {baseConfigs: base},
);

const over = (...overrides: readonly (readonly [name: string, value: string, stage?: string])[]): ResolveOptions => ({
  envOverrides: overrides.map(([name, value, stage]) => ({name, value, stage})),
});
test('--env replaces what ENV declares', sees, `FROM x\nENV A=1 B=2${run}`, {A: '9', B: '2'}, over(['A', '9']));
test('--env is what later lines see', sees, `FROM x\nENV A=1\nENV B=$A${run}`, {A: '9', B: '9'}, over(['A', '9']));
test('--env is not expanded', sees, `FROM x\nENV A=1${run}`, {A: '$B "q"'}, over(['A', '$B "q"']));
test('--env for one stage', sees, `FROM x AS a\nENV A=1\nFROM a\nENV A=2${run}`, {A: '2'}, over(['A', '9', 'a']));
test(
  '--env for the stage a parent declares it in',
  sees,
  `FROM x AS a\nENV A=1\nFROM a${run}`,
  {A: '9'},
  over(['A', '9', 'a']),
);
test('--env for a stage by index', sees, `FROM x\nENV A=1\nFROM y\nENV A=2${run}`, {A: '9'}, over(['A', '9', '1']));
test(
  '--env for a stage wins over that for all',
  sees,
  `FROM x AS a\nENV A=1${run}`,
  {A: '8'},
  over(['A', '8', 'a'], ['A', '9']),
);
test(
  '--env given twice: the last one counts',
  sees,
  `FROM x AS a\nENV A=1${run}`,
  {A: '9'},
  over(['A', '8'], ['A', '9']),
);
test('--env holds for every ENV of the name', sees, `FROM x\nENV A=1\nENV A=2${run}`, {A: '9'}, over(['A', '9']));

const broken = test.macro({
  exec(t, dockerfile: string, code: string, message: RegExp, options: ResolveOptions = {}) {
    t.throws(() => graphOf(dockerfile, options), {code, message});
  },
  title: (title = '') => `scope: ${title}`,
});
test('a demanded variable without value fails', broken, `FROM x\nENV A="\${B:?give B}"`, 'DOCKERFILE_WORD', /give B/);
test(
  '--env of an undeclared name fails with the nearest',
  broken,
  'FROM x\nENV DEBUG=1',
  'BUILD_ARG_INVALID',
  /did you mean "DEBUG"/,
  over(['DEBUGG', '1']),
);
test('--env of an ARG fails', broken, 'FROM x\nARG A=1', 'BUILD_ARG_INVALID', /no ENV/, over(['A', '2']));
test(
  '--env for an unknown stage fails',
  broken,
  'FROM x AS builder\nENV A=1',
  'BUILD_ARG_INVALID',
  /did you mean "builder"/,
  over(['A', '2', 'bilder']),
);
test(
  '--env for a stage that does not declare it fails',
  broken,
  'FROM x AS a\nENV A=1\nFROM y AS b',
  'BUILD_ARG_INVALID',
  /stage "b"/,
  over(['A', '2', 'b']),
);
test(
  '--env with a line break fails',
  broken,
  'FROM x\nENV A=1',
  'BUILD_ARG_INVALID',
  /line break/,
  over(['A', '1\n2']),
);
