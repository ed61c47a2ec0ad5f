import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {mapStrings} from '../../engine/base/map-strings.js';
import {visible} from '../../engine/base/visible.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {planBuild} from '../../engine/plan/plan-build.js';
import {renderPlan} from '../../engine/plan/render.js';
import {planReport} from '../../engine/plan/report.js';

test('what a terminal would obey is shown, one for one', (t) => {
  t.is(visible('a\u001b[31mb\u0007\u009b\u202ec\td\n'), 'a\ufffd[31mb\ufffd\ufffd\ufffdc\td\n');
  t.deepEqual(
    mapStrings({a: ['x', 1, null, {b: 'y'}]}, (text) => `${text}!`),
    {a: ['x!', 1, null, {b: 'y!'}]},
  );
});

test('neither an excerpt nor a plan hands a command of the Dockerfile to the terminal', (t) => {
  const source = 'FROM scratch AS a\nRUN echo \u001b]0;owned\u0007\nENV E="\u001b[31m"\n';
  const error = new BuildError('DOCKERFILE_WORD', 'bad \u001b[1m', {source, range: {start: 2, end: 3}});
  const report = planReport(planBuild(parseDockerfile(source)), {context: '.'});
  for (const text of [formatError(error), renderPlan(report)]) {
    t.notRegex(text, /[\u001b\u0007]/);
    t.regex(text, /\ufffd\]0;owned\ufffd/);
  }
});
