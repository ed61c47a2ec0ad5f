import test from 'ava';
import fc from 'fast-check';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {expandWord} from '../../engine/dockerfile/expand.js';
import {effectiveText, quoteWord} from '../../engine/stages/effective-text.js';
import type {Stage} from '../../engine/stages/graph.js';
import type {EnvOverride} from '../../engine/stages/options.js';
import {graphOf} from '../helpers/graph.js';

const rewritten = test.macro({
  exec(t, dockerfile: string, overrides: readonly EnvOverride[], expected: string) {
    t.is(effectiveText(parseDockerfile(dockerfile), overrides), expected);
  },
  title: (title = '') => `the effective Dockerfile: ${title}`,
});
const a = (value: string, stage?: string): EnvOverride => ({name: 'A', value, stage});

test('without overrides it is the text itself', rewritten, 'from x\n\nENV  A  1  \n', [], 'from x\n\nENV  A  1  \n');
test('one value', rewritten, 'FROM x\nENV A=1\nRUN x\n', [a('2')], 'FROM x\nENV A="2"\nRUN x\n');
test(
  'the other values of the line stay as written',
  rewritten,
  'FROM x\nenv B="$C" A=1 D=\'d\'',
  [a('2')],
  'FROM x\nENV B="$C" A="2" D=\'d\'',
);
test('the space-separated form', rewritten, 'FROM x\nENV A one two', [a('2')], 'FROM x\nENV A="2"');
test(
  'line numbers stay',
  rewritten,
  'FROM x\nENV B=1 \\\n# c\n\n  A=2\nRUN x',
  [a('3')],
  'FROM x\nENV B=1 A="3"\n\n\n\nRUN x',
);
test(
  'line ends stay',
  rewritten,
  'FROM x\r\nENV A=1 \\\r\n B=2\r\nRUN x\r\n',
  [a('3')],
  'FROM x\r\nENV A="3" B=2\r\n\r\nRUN x\r\n',
);
test(
  'one stage only',
  rewritten,
  'FROM x AS p\nENV A=1\nFROM y AS q\nENV A=1',
  [a('2', 'q')],
  'FROM x AS p\nENV A=1\nFROM y AS q\nENV A="2"',
);
test(
  'what a value may hold',
  rewritten,
  'FROM x\nENV A=1',
  [a('a "b" $c \\ \'')],
  'FROM x\nENV A="a \\"b\\" \\$c \\\\ \'"',
);
test(
  'the other escape character',
  rewritten,
  '# escape=`\nFROM x\nENV A=1',
  [a('c:\\d $e `"')],
  '# escape=`\nFROM x\nENV A="c:\\d `$e ```""',
);
test('a name in quotes', rewritten, 'FROM x\nENV "A"=1', [a('2')], 'FROM x\nENV "A"="2"');

const escapes = ['\\', '`'] as const;
const value = fc.string({unit: 'binary', maxLength: 30}).filter((text) => !/[\n\r\0]/.test(text));
const tricky = fc
  .array(
    fc.constantFrom(
      '"',
      "'",
      '\\',
      '`',
      '$',
      '${',
      '}',
      ' ',
      '\t',
      '#',
      '=',
      '<<EOF',
      'A',
      '\u2028',
      '\ufeff',
      'é',
      '$A',
    ),
  )
  .map((parts) => parts.join(''));

test('property: a quoted word expands to the value it was made from', (t) => {
  fc.assert(
    fc.property(fc.oneof(value, tricky), fc.constantFrom(...escapes), (text, escape) => {
      t.is(expandWord(quoteWord(text, escape), new Map([['A', 'wrong']]), {escape}), text);
    }),
  );
  t.pass();
});

const files = fc.record({
  escape: fc.constantFrom(...escapes),
  value: fc.oneof(value, tricky),
  before: fc.constantFrom('B="$P" ', "B='x y' ", ''),
  join: fc.constantFrom(' ', ' %\n  ', ' %\n# note\n\n  '),
  after: fc.constantFrom('', ' C=$A', ' D="$A%%"'),
  eol: fc.constantFrom('\n', '\r\n'),
});

test('property: the effective Dockerfile resolves as the overrides do, and changes nothing else', (t) => {
  fc.assert(
    fc.property(files, ({escape, value: text, before, join, after, eol}) => {
      const dockerfile = [
        `# escape=${escape}`,
        'FROM x AS one',
        'ENV P=p A=old',
        `ENV ${before}Z=1${join}A=old${after}`.replaceAll('%', escape),
        'ENV LATER=$A',
        'LABEL l="$A"',
        'FROM one AS two',
        'RUN echo $A',
      ].join('\n');
      const source = dockerfile.replaceAll('\n', eol);
      const overrides = [{name: 'A', value: text}];
      const effective = effectiveText(parseDockerfile(source), overrides);
      const [direct, again] = [graphOf(source, {envOverrides: overrides}), graphOf(effective)];
      t.is(effective.split('\n').length, source.split('\n').length);
      for (const [index, stage] of direct.stages.entries()) {
        const shape = (of: Stage | undefined) => [of?.config, of?.steps.map(({line, text: step}) => [line, step])];
        t.deepEqual(shape(again.stages[index]), shape(stage));
      }
      t.true(direct.stages[1]?.config.Env?.includes(`LATER=${text}`));
    }),
  );
});
