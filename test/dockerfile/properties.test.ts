import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {applyCheck, checkOptionsOf} from '../../engine/dockerfile/check-directive.js';
import {checkDockerfile} from '../../engine/dockerfile/checks.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {scan} from '../../engine/dockerfile/scan.js';
import {parseStatements} from '../../engine/dockerfile/statement.js';
import {caseNames, readCase} from '../helpers/dockerfile-golden.js';

const tokens = fc.constantFrom(
  ...['FROM', 'RUN', 'COPY', 'ADD', 'ENV', 'ARG', 'CMD', 'ENTRYPOINT', 'WORKDIR', 'USER', 'EXPOSE', 'LABEL', 'VOLUME'],
  ...['HEALTHCHECK', 'SHELL', 'STOPSIGNAL', 'ONBUILD', 'MAINTAINER', 'from', 'Run', 'AS', 'as', 'debian', 'scratch'],
  ...[
    '# escape=`',
    '# syntax=x',
    '# check=skip=all',
    '# check=x',
    '#',
    '# note',
    '--from=a',
    '--mount=type=cache,target=/x',
  ],
  ...[
    '--mount=type=secret',
    '--link',
    '--interval=5s',
    '--network=none',
    '--',
    '--x=y',
    '<<EOF',
    '<<-"EOF"',
    'EOF',
    '<< EOF',
  ],
  ...[
    '["a", "b"]',
    '["a", 1]',
    '[',
    ']',
    '"',
    "'",
    '\\',
    '`',
    '\\\n',
    '`\n',
    '\n',
    '\n\n',
    '\r\n',
    '\t',
    ' ',
    '  ',
    '=',
  ],
  ...[
    '$A',
    '${A',
    '${A:-b}',
    'A=b',
    '"A b"=c',
    'NONE',
    '80/TCP',
    '1.2.3.4:80:80',
    '\ufeff',
    '\0',
    '\u0085',
    '😀',
    '\u2028',
  ],
);
const texts = fc.oneof(
  fc.array(tokens, {maxLength: 60}).map((parts) => parts.join('')),
  fc.array(tokens, {maxLength: 60}).map((parts) => `FROM debian\n${parts.join(' ')}`),
  fc.string({unit: 'binary', maxLength: 200}),
);

/** Everything the room does with a text; only a BuildError may come of it. */
function everything(text: string): BuildError | undefined {
  try {
    const dockerfile = parseDockerfile(text);
    const statements = parseStatements(dockerfile);
    applyCheck(checkDockerfile(dockerfile, statements), checkOptionsOf(dockerfile));
    return undefined;
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
}

test('any text is a Dockerfile or refused with a BuildError that can be shown', (t) => {
  fc.assert(
    fc.property(texts, (text) => {
      const error = everything(text);
      if (error === undefined) return true;
      return error.details.file !== undefined && formatError(error).length > 0;
    }),
    {numRuns: 1500},
  );
  t.pass();
});

test('an error points into the file', (t) => {
  fc.assert(
    fc.property(texts, (text) => {
      const error = everything(text);
      if (error?.range === undefined) return true;
      const lines = text.split('\n');
      const {start, end} = error.range;
      const {columns} = error.details;
      const inLine = columns === undefined || columns.end - 1 <= (lines[start - 1] ?? '').length;
      return start >= 1 && end >= start && end <= lines.length && inLine;
    }),
    {numRuns: 1500},
  );
  t.pass();
});

const rejoins = (text: string): boolean => {
  const {pieces} = scan(text);
  const ends = pieces.every(({range}, index) => range.start === (pieces[index - 1]?.range.end ?? 0) + 1);
  return ends && pieces.map(({raw}) => raw).join('') === text;
};

test('the scanner output re-joined is the input, and the ranges leave no line out', (t) => {
  fc.assert(
    fc.property(texts, (text) => {
      try {
        return rejoins(text);
      } catch (error) {
        if (error instanceof BuildError) return true;
        throw error;
      }
    }),
    {numRuns: 1500},
  );
  t.pass();
});

test('the scanner output of every golden case that scans re-joins', (t) => {
  for (const name of caseNames()) {
    const text = readCase(name, 'Dockerfile');
    try {
      t.true(rejoins(text), name);
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
    }
  }
});

test('line ends do not change what an instruction says', (t) => {
  const lines = fc.array(fc.constantFrom('RUN a \\', ' b', 'ENV a=b \\', ' c=d', '# x', '', 'CMD ["x"]', 'USER a'), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(lines, (body) => {
      const statementsOf = (end: string) => {
        try {
          return parseDockerfile(['FROM debian', ...body].join(end)).instructions.map(({original}) => original);
        } catch (error) {
          if (error instanceof BuildError) return error.message;
          throw error;
        }
      };
      t.deepEqual(statementsOf('\r\n'), statementsOf('\n'));
    }),
  );
});

const mega = 1024 * 1024;
const big: readonly (readonly [title: string, text: string])[] = [
  ['continuations', `FROM debian\nRUN x${' \\\n'.repeat(mega / 3)}`],
  ['continuations with text', `FROM debian\nRUN x${' && y \\\n'.repeat(mega / 8)}z\n`],
  ['empty lines in a continuation', `FROM debian\nRUN x \\\n${'\n'.repeat(mega)}y\n`],
  ['comments in a continuation', `FROM debian\nRUN x \\\n${'# c\n'.repeat(mega / 4)}y\n`],
  ['comments above an instruction', `${'# c\n'.repeat(mega / 4)}FROM debian\n`],
  ['dollars in ENV', `FROM debian\nENV A=${'$'.repeat(mega)}\n`],
  ['dollars and here-documents', `FROM debian\nRUN ${'$ << '.repeat(mega / 5)}\n`],
  ['backslashes', `FROM debian\nRUN ${'\\'.repeat(mega)}\n`],
  ['backslashes and spaces', `FROM debian\nRUN ${'\\ '.repeat(mega / 2)}x\n`],
  ['spaces', `FROM debian\nRUN a${' '.repeat(mega)}b\n`],
  ['words of LABEL', `FROM debian\nLABEL ${'a=b '.repeat(mega / 4)}\n`],
  ['flags', `FROM debian\nCOPY ${'--exclude=a '.repeat(mega / 12)} b c\n`],
  ['mount options', `FROM debian\nRUN --mount=type=cache,${'ro,'.repeat(mega / 3)}target=/x y\n`],
  ['quotes', `FROM debian\nENV A=${'"'.repeat(mega)}\n`],
  ['a JSON array', `FROM debian\nCMD [${'"a",'.repeat(mega / 4)}"b"]\n`],
  ['brackets', `FROM debian\nCMD ${'['.repeat(mega)}\n`],
  ['instructions', `FROM debian\n${'USER a\n'.repeat(mega / 7)}`],
  ['stages', 'FROM debian AS a\n'.repeat(mega / 17)],
  ['unknown instructions', `FROM debian\n${'x'.repeat(mega)}\n`],
  ['here-document text', `FROM debian\nCOPY <<EOF /x\n${'line\n'.repeat(mega / 5)}EOF\n`],
  ['an unclosed here-document', `FROM debian\nCOPY <<EOF /x\n${'line\n'.repeat(mega / 5)}`],
  ['ONBUILD', `FROM debian\n${'ONBUILD '.repeat(mega / 8)}\n`],
  ['carriage returns', `FROM debian\nRUN a${'\r'.repeat(mega)}b\n`],
  ['URLs in ENV', `FROM debian\nENV A=${'a://b:'.repeat(mega / 6)}\n`],
];
for (const [title, text] of big) {
  test(`1 MiB of ${title} is read in seconds`, (t) => {
    const start = performance.now();
    everything(text);
    // A second or two; several times that on a busy machine. What grows with the square takes hours.
    t.true(performance.now() - start < 60_000);
  });
}
