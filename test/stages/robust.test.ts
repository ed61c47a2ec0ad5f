import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {planBuild} from '../../engine/plan/plan-build.js';
import {renderPlan} from '../../engine/plan/render.js';
import {planReport} from '../../engine/plan/report.js';

const word = fc.constantFrom(
  ...[
    'x',
    '$A',
    '${A:-$B}',
    '"$A b"',
    "'q'",
    '${',
    'A=1',
    'A',
    '0',
    '1',
    'one',
    'two',
    '/',
    '..',
    '__proto__',
    'constructor',
  ],
  ...[
    '--from=one',
    '--from=0',
    '--from=onne',
    '--mount=type=cache,target=$A',
    '--mount=from=one,target=/m',
    '--chmod=$A',
  ],
  ...['<<EOF', '80/tcp', '["a"]', 'é\u{1f600}', '*.deb', '--platform=$A', 'AS', 'toString=1'],
);
const keyword = fc.constantFrom(
  ...[
    'FROM',
    'FROM x AS one\nFROM one AS two\nRUN',
    'ARG',
    'ENV',
    'RUN',
    'COPY',
    'ADD',
    'CMD',
    'ENTRYPOINT',
    'WORKDIR',
    'USER',
  ],
  ...[
    'EXPOSE',
    'LABEL',
    'VOLUME',
    'HEALTHCHECK',
    'SHELL',
    'STOPSIGNAL',
    'ONBUILD',
    'ONBUILD COPY',
    'MAINTAINER',
    'EOF',
  ],
);
const line = fc.tuple(keyword, fc.array(word, {maxLength: 4})).map(([head, words]) => [head, ...words].join(' '));
const file = fc.array(line, {maxLength: 12}).map((lines) => `FROM x AS zero\n${lines.join('\n')}\n`);
const names = fc.constantFrom('A', 'B', '__proto__', 'constructor', 'one');

test('property: any Dockerfile gives a plan or a BuildError that says where', (t) => {
  let plans = 0;
  fc.assert(
    fc.property(file, names, word, names, (text, arg, value, context) => {
      try {
        const plan = planBuild(parseDockerfile(text), {
          buildArgs: new Map([[arg, {value, origin: 'build-arg'}]]),
          namedContexts: new Set([context]),
          contextFacts: {hasGit: true, patterns: ['x'], ignores: (path) => path === 'x'},
        });
        const report = planReport(plan, {context: '.'});
        t.deepEqual(JSON.parse(JSON.stringify(report)), report);
        renderPlan(report, {width: 40});
        plans++;
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        t.truthy(error.range, formatError(error));
        t.truthy(error.details.source);
      }
    }),
    {numRuns: 1500},
  );
  t.true(plans > 50, `${plans} files were right`);
});
