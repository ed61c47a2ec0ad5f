import test from 'ava';
import {contextWarnings, type ContextFacts} from '../../engine/stages/context-checks.js';
import type {ResolveOptions} from '../../engine/stages/options.js';
import {buildArgs, graphOf} from '../helpers/graph.js';

const lines = (text: string, options: ResolveOptions, rules?: RegExp): readonly string[] =>
  graphOf(text, options)
    .warnings.filter(({rule}) => rules?.test(rule) ?? true)
    .map(({rule, line, message}) => `${rule} ${line} ${message}`);

const warns = test.macro({
  exec(t, text: string, expected: readonly string[], options: ResolveOptions = {}) {
    t.deepEqual(lines(text, options), expected);
  },
  title: (title = '') => `checks: ${title}`,
});
const undefinedVar = (line: number, rest: string): string => `UndefinedVar ${line} Usage of undefined variable ${rest}`;

test(
  'an unset variable, with the nearest',
  warns,
  'FROM scratch\nARG FOO\nENV FOOO=1\nENV A=$FOO C=$PAHT\nCOPY f /$FOOOO',
  [undefinedVar(4, "'$PAHT' (did you mean $PATH?)"), undefinedVar(5, "'$FOOOO' (did you mean $FOOO?)")],
);
test('the shell of RUN and CMD has its own variables', warns, 'FROM scratch\nRUN echo $X\nCMD echo $Y', []);
test('EXPOSE of an unset variable is silent, as in BuildKit', warns, 'FROM scratch\nEXPOSE $X', []);
test('a base image that is not known may set it', warns, 'FROM x\nWORKDIR $HOME/a', [
  undefinedVar(2, "'$HOME', unless the base image sets it"),
]);
test('an unset variable in a stage that is not built', warns, 'FROM scratch AS a\nENV A=$B\nFROM scratch', []);
test('an unset variable twice on a line is one warning', warns, 'FROM scratch\nENV A=$B C=$B', [
  undefinedVar(2, "'$B'"),
]);
test('an ARG of FROM that is not declared', warns, 'ARG VERSION=1\nFROM x:1$VERSON', [
  "UndefinedArgInFrom 2 FROM argument 'VERSON' is not declared (did you mean VERSION?)",
]);
test(
  'a default that leaves no image name',
  warns,
  'ARG V\nFROM debian:$V',
  ['InvalidDefaultArgInFrom 2 Default value for ARG debian:$V results in empty or invalid base image name'],
  {buildArgs: buildArgs({V: '12'})},
);
const arm = {architecture: 'arm64', os: 'linux', rootfs: {type: 'layers' as const, diff_ids: []}};
test(
  'a base image of another platform',
  warns,
  'FROM x',
  [
    'InvalidBaseImagePlatform 1 Base image x was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
  ],
  {baseConfigs: new Map([['x', arm]])},
);

test(
  'a build argument that nothing declares',
  warns,
  'FROM x\nARG VERSION\nRUN $VERSION',
  ['UnusedBuildArg 0 --build-arg VERSON: no ARG declares it (did you mean "VERSION"?)'],
  {buildArgs: buildArgs({VERSON: '1'})},
);
test(
  'a build argument that is the name of an ENV',
  warns,
  'FROM x\nENV DEBUG=0',
  ['UnusedBuildArg 0 --build-arg DEBUG: no ARG declares it; line 2 declares an ENV of that name: use --env'],
  {buildArgs: buildArgs({DEBUG: '1'})},
);
test(
  'a build argument that nothing uses',
  warns,
  'FROM x\nARG A=1\nARG B=1\nRUN echo $B',
  ['UnusedBuildArg 2 --build-arg A: declared in line 2, but no instruction uses it'],
  {buildArgs: buildArgs({A: '1', B: '2'})},
);
test(
  'a build argument of a stage that is not built',
  warns,
  'FROM x AS a\nARG A=1\nRUN $A\nFROM y',
  ['UnusedBuildArg 0 --build-arg A: declared only in stage "a", which the target does not need'],
  {buildArgs: buildArgs({A: '1'})},
);
test(
  'a global ARG that no stage takes',
  warns,
  'ARG A=1\nFROM x',
  ['UnusedBuildArg 1 --build-arg A: declared in line 1, but no instruction uses it'],
  {buildArgs: buildArgs({A: '1'})},
);
test(
  'an --env that only a stage declares which is not built',
  warns,
  'FROM x AS a\nENV A=1\nFROM y',
  ['UnusedBuildArg 0 --env A: declared only in stage "a", which the target does not need'],
  {envOverrides: [{name: 'A', value: '2'}]},
);
for (const [title, text] of [
  ['FROM', 'ARG A=1\nFROM x:$A'],
  ['another global ARG', 'ARG A=1\nARG B=$A\nFROM x'],
  ['a stage that takes it', 'ARG A\nFROM x\nARG A\nRUN echo $A'],
  ['a stage made from its own', 'FROM x AS a\nARG A\nFROM a\nRUN echo ${A}'],
  ['RUN, by name', 'FROM x\nARG A\nRUN printenv A'],
  ['RUN, in a here-document', 'FROM x\nARG A\nRUN <<EOF\necho $A\nEOF'],
  ['a here-document of COPY', 'FROM x\nARG A\nCOPY <<EOF /f\n$A\nEOF'],
  ['a flag of COPY', 'FROM x\nARG A\nCOPY --chown=$A f /f'],
  ['a mount', 'FROM x\nARG A\nRUN --mount=type=cache,target=/$A true'],
  ['a default', 'FROM x\nENV B=${A:-x}\nARG A\nENV C=${A:-x}'],
] as const) {
  test(`a build argument is used by ${title}`, (t) => {
    t.deepEqual(lines(text, {buildArgs: buildArgs({A: '1'})}, /UnusedBuildArg/), []);
  });
}
test('arguments that the builder knows need no ARG', warns, 'FROM x', [], {
  buildArgs: buildArgs({
    HTTP_PROXY: 'p',
    no_proxy: 'n',
    BUILDKIT_INLINE_CACHE: '1',
    SOURCE_DATE_EPOCH: '0',
    TARGETARCH: 'x',
  }),
});

test('an ARG far above its first use', warns, 'FROM x\nARG V=1\nRUN a\nCOPY f f\nRUN b\nRUN echo $V', [
  'ArgInvalidatesEarly 2 ARG V is declared before 2 RUN steps that never mention it (lines 3, 5), and every new value runs ' +
    'them again: move it down to just before line 6',
]);
test('an ARG directly above its use', warns, 'FROM x\nRUN a\nARG V=1\nCOPY f f\nRUN echo $V\nRUN b', []);
test('an ARG that ENV takes at once', warns, 'FROM x\nARG V=1\nENV W=$V\nRUN a\nRUN echo $V', []);
test('a platform argument never changes', warns, 'FROM x\nARG TARGETARCH\nRUN a\nRUN echo $TARGETARCH', []);

const facts = (more: Partial<ContextFacts>): ContextFacts => ({
  ignores: () => false,
  patterns: [],
  hasGit: false,
  ...more,
});
const contextWarns = test.macro({
  exec(t, text: string, more: Partial<ContextFacts>, expected: readonly string[]) {
    const found = contextWarnings(graphOf(text), facts(more));
    t.deepEqual(
      found.map(({rule, line}) => `${rule} ${line}`),
      expected,
    );
  },
  title: (title = '') => `checks of the context: ${title}`,
});
const ignoring = (...paths: readonly string[]): Partial<ContextFacts> => ({
  patterns: paths,
  ignores: (path) => paths.includes(path),
});
test('COPY of an ignored file', contextWarns, 'FROM x\nCOPY ./a.env b /', ignoring('a.env'), ['CopyIgnoredFile 2']);
test('ADD of an ignored file', contextWarns, 'FROM x\nADD /a.env /', ignoring('a.env'), ['CopyIgnoredFile 2']);
test('an URL is no file of the context', contextWarns, 'FROM x\nADD http://a.env /', ignoring('http:/a.env'), []);
test('a file of another stage', contextWarns, 'FROM x AS a\nFROM y\nCOPY --from=a a.env /', ignoring('a.env'), []);
test('the root is not ignored', contextWarns, 'FROM x\nCOPY . /', ignoring('*'), []);
test('patterns that bring files back', contextWarns, 'FROM x\nCOPY a /', ignoring('a', '!a/b'), []);
test('a stage that is not built', contextWarns, 'FROM x AS a\nCOPY a /\nFROM y', ignoring('a'), []);
test('COPY . . with .git', contextWarns, 'FROM x\nCOPY . .', {hasGit: true}, ['ContextHasGit 2']);
test('COPY . . without .git', contextWarns, 'FROM x\nCOPY . .', {}, []);
test('COPY . . with .git ignored', contextWarns, 'FROM x\nCOPY . .', {hasGit: true, ...ignoring('.git')}, []);
test('COPY . . with .git excluded', contextWarns, 'FROM x\nCOPY --exclude=.git . .', {hasGit: true}, []);
test('COPY of .git alone is meant', contextWarns, 'FROM x\nCOPY .git .git', {hasGit: true}, []);
test('COPY of a directory', contextWarns, 'FROM x\nCOPY src src', {hasGit: true}, []);
