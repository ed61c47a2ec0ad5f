import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import type {ResolveOptions} from '../../engine/stages/options.js';
import {graphOf} from '../helpers/graph.js';

/** The whole error as its reader sees it. */
const refused = test.macro({
  exec(t, dockerfile: string, expected: string, options: ResolveOptions = {}) {
    const error = t.throws(() => graphOf(dockerfile, options), {instanceOf: BuildError});
    t.is(formatError(error), expected);
  },
  title: (title = '') => `refused: ${title}`,
});
test(
  'a stage name with a slip',
  refused,
  'FROM x AS builder\nFROM y\n# Copy\nCOPY --from=bilder "${ARTIFACT_DIR}" "${ARTIFACT_DIR}"',
  `Dockerfile:4: COPY --from names no stage "bilder" (did you mean "builder"?)
  2 | FROM y
  3 | # Copy
> 4 | COPY --from=bilder "\${ARTIFACT_DIR}" "\${ARTIFACT_DIR}"
    |             ^^^^^^
For the image of that name write "bilder:latest".`,
);
test(
  'a stage of its own',
  refused,
  'FROM x AS builder\nCOPY --from=builder / /',
  `Dockerfile:2: COPY --from names the stage it stands in, "builder"
  1 | FROM x AS builder
> 2 | COPY --from=builder / /
    |             ^^^^^^^
A stage reads from stages before it; to copy within a stage use RUN cp.`,
);
test(
  'a later stage, by index',
  refused,
  'FROM x AS builder\nCOPY --from=1 / /\nFROM y\nCOPY --from=0 / /',
  `Dockerfile:2: COPY --from names stage "1", which is declared later, in line 3
  1 | FROM x AS builder
> 2 | COPY --from=1 / /
    |             ^
  3 | FROM y
  4 | COPY --from=0 / /
Move that stage before this one.`,
);
test(
  'a stage that is not there, by index',
  refused,
  'FROM x\nCOPY --from=7 / /',
  `Dockerfile:2: COPY --from names stage 7; there are only 1
  1 | FROM x
> 2 | COPY --from=7 / /
    |             ^
Stages are counted from 0.`,
);
test(
  'FROM with a variable that nothing declares',
  refused,
  'ARG VERSION=1\nFROM ${VERSON}',
  `Dockerfile:2: FROM \${VERSON} names no image: VERSON has no value (did you mean "VERSION"?)
  1 | ARG VERSION=1
> 2 | FROM \${VERSON}
    |      ^^^^^^^^^
Declare it before the first FROM: ARG VERSON=….`,
);
test(
  'FROM with a variable that only a stage declares',
  refused,
  'FROM x AS a\nARG V=1\nFROM $V',
  `Dockerfile:3: FROM $V names no image: V has no value
  1 | FROM x AS a
  2 | ARG V=1
> 3 | FROM $V
    |      ^^
ARG V stands inside stage "a"; for FROM it has to stand before the first FROM.`,
);
test(
  'FROM with a tag that is empty',
  refused,
  'ARG V\nFROM debian:$V',
  `Dockerfile:2: FROM debian:$V: V has no value
  1 | ARG V
> 2 | FROM debian:$V
    |              ^
Declare it before the first FROM with a default, ARG V=…, or give it with --build-arg V=….`,
);
test(
  'a target that is not there',
  refused,
  'FROM x AS builder',
  `Dockerfile:1: there is no target stage "buildr" (did you mean "builder"?)
> 1 | FROM x AS builder
The stages are builder.`,
  {target: 'buildr'},
);
test(
  'EXPOSE of no port',
  refused,
  'FROM x\nENV PORT=http\nEXPOSE $PORT',
  `Dockerfile:3: EXPOSE takes no port "http": a port is a number up to 65535
  1 | FROM x
  2 | ENV PORT=http
> 3 | EXPOSE $PORT
For example: EXPOSE 8080, EXPOSE 53/udp or EXPOSE 8000-8010/tcp`,
);
for (const [dockerfile, message] of [
  ['FROM x\nCOPY --from=$V / /', /takes no variable/],
  ['FROM x AS a\nFROM y\nRUN --mount=from=0,target=/m x', /takes the name of a stage/],
  ['FROM x\nRUN --mount=type=tmpfs,target=/ x', /root directory/],
  ['FROM x\nCOPY --chmod=99 a b', /takes a file mode, not "99"/],
  ['FROM x\nCOPY --chmod=70000 a b', /takes a file mode/],
  ['FROM x\nSTOPSIGNAL SIGNO', /takes a signal/],
  ['FROM x\nVOLUME $NONE', /is empty/],
  ['FROM later AS a\nFROM y AS later', /declared later, in line 2/],
  ['FROM builder:a:b', /no image reference/],
  ['FROM --platform=$NONE x', /--platform is empty: NONE/],
  ['FROM --platform=a/b/c/d x', /platform/],
  ['FROM x\nEXPOSE 70000', /up to 65535/],
  ['FROM x\nEXPOSE 9-1', /ends before/],
  ['FROM x\nEXPOSE 80/http', /protocol/],
] as const) {
  test(`refused: ${JSON.stringify(dockerfile)}`, (t) => {
    const error = t.throws(() => graphOf(dockerfile), {instanceOf: BuildError, message});
    t.truthy(error.range);
    t.is(error.details.file, 'Dockerfile');
  });
}
test('names that only resemble a stage are images where they may well be', (t) => {
  t.notThrows(() => graphOf('FROM x AS code\nFROM node'));
  t.notThrows(() => graphOf('FROM x AS nodes\nFROM y\nCOPY --from=node / /'));
  t.notThrows(() => graphOf('FROM x AS builder\nFROM y\nCOPY --from=bilder:latest / /'));
  t.notThrows(() => graphOf('FROM x AS base-image\nFROM base-images2'));
});
