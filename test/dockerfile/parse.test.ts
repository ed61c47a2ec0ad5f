import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {parseStatements} from '../../engine/dockerfile/statement.js';

const statementsOf = (text: string) => parseStatements(parseDockerfile(text));

test('a CMD continued over empty lines and comments is one CMD', (t) => {
  const text = 'FROM debian\nCMD wait-for-db && \\\n\n    # first\n    flask sync && \\\n\n    gunicorn app\n';
  const {instructions} = parseDockerfile(text);
  t.deepEqual(
    instructions.map(({keyword}) => keyword),
    ['FROM', 'CMD'],
  );
  t.deepEqual(instructions[1]?.args, ['wait-for-db &&     flask sync &&     gunicorn app']);
  t.deepEqual(instructions[1]?.range, {start: 2, end: 7});
});

test('quotes stay in the raw arguments of WORKDIR, USER and EXPOSE', (t) => {
  const kinds = statementsOf('FROM debian\nWORKDIR "$HOME/portal"\nUSER "${RUN_USER}"\nEXPOSE "${PORT}"\n');
  t.like(kinds[1], {kind: 'workdir', path: '"$HOME/portal"'});
  t.like(kinds[2], {kind: 'user', user: '"${RUN_USER}"'});
  t.like(kinds[3], {kind: 'expose', ports: ['"${PORT}"']});
});

test('an unknown instruction is an error with line, columns and the nearest name', (t) => {
  const error = t.throws(() => parseDockerfile('FROM debian\n\nCOPPY a b\n', {file: 'docker/Dockerfile'}), {
    instanceOf: BuildError,
    code: 'DOCKERFILE_INSTRUCTION',
  });
  t.regex(error.message, /did you mean "COPY"/);
  t.deepEqual(error.range, {start: 3, end: 3});
  t.deepEqual(error.details.columns, {start: 1, end: 6});
  t.is(error.details.file, 'docker/Dockerfile');
});

test('a file without an instruction, without FROM, or with RUN before FROM is refused', (t) => {
  t.throws(() => parseDockerfile('# nothing\n\n'), {code: 'DOCKERFILE_EMPTY'});
  t.throws(() => statementsOf('ARG a\n'), {code: 'DOCKERFILE_STAGE'});
  t.throws(() => statementsOf('RUN make\n'), {code: 'DOCKERFILE_STAGE'});
  t.throws(() => statementsOf('RUN make\nFROM debian\n'), {code: 'DOCKERFILE_STAGE'});
});

for (const line of ['#escape=`', '# escape =`', '#\tescape= `', '# escape = `', '#\t  eScApE=`']) {
  test(`${JSON.stringify(line)} is the escape directive`, (t) => {
    t.is(parseDockerfile(`${line}\nFROM debian\n`).directives.escape, '`');
  });
}

for (const [title, lines] of [
  ['a directive that is not known', '# colour=blue\n# syntax=docker/dockerfile:1'],
  ['a comment', '# The shop\n# syntax=docker/dockerfile:1'],
  ['an empty line', '\n# syntax=docker/dockerfile:1'],
  ['an instruction', 'ARG A\n# syntax=docker/dockerfile:1'],
] as const) {
  test(`after ${title} there are no directives`, (t) => {
    t.is(parseDockerfile(`${lines}\nFROM debian\n`).directives.syntax, undefined);
  });
}
