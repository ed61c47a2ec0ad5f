import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {parseEnvFile} from '../../engine/compose/env-file.js';
import {loadCompose} from '../../engine/compose/load-compose.js';
import {substitute, TemplateError} from '../../engine/compose/substitute.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';
import {never} from './loading.js';

const words = fc.array(
  fc.constantFrom(
    '$',
    '{',
    '}',
    ':',
    '-',
    '+',
    '?',
    'A',
    'B',
    'x',
    ' ',
    '\n',
    '"',
    "'",
    '\\',
    '#',
    '=',
    'é',
    '${A',
    '$$',
    ':-',
  ),
  {maxLength: 30},
);

test('any template gives text or a TemplateError within it', (t) => {
  const lookup = {
    get: (name: string) => (name === 'A' ? ({value: 'a', origin: '.env'} as const) : undefined),
    unset: () => undefined,
  };
  fc.assert(
    fc.property(words, (parts) => {
      const template = parts.join('');
      try {
        t.is(typeof substitute(template, lookup).text, 'string');
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        t.true(error.start >= 0 && error.start <= error.end && error.end <= template.length);
      }
    }),
  );
});

test('text without a dollar sign, and text with each one doubled, stands for itself', (t) => {
  const lookup = {get: () => undefined, unset: () => t.fail()};
  fc.assert(fc.property(fc.string(), (text) => substitute(text.replaceAll('$', '$$$$'), lookup).text === text));
  t.pass();
});

test('any .env gives values or a BuildError with a line', (t) => {
  fc.assert(
    fc.property(words, (parts) => {
      const text = parts.join('');
      try {
        parseEnvFile(
          {path: '/.env', label: '.env', text, directory: '/'},
          {get: () => undefined, unset: () => undefined},
        );
      } catch (error) {
        t.true(error instanceof BuildError && error.range !== undefined, String(error));
      }
    }),
  );
  t.pass();
});

test('any value between single quotes of .env is read as it stands', (t) => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !/['\\\r]/.test(text)),
      (value) => {
        const file = {path: '/.env', label: '.env', text: `K='${value}'`, directory: '/'};
        return parseEnvFile(file, {get: () => undefined, unset: () => undefined}).get('K') === value;
      },
    ),
  );
  t.pass();
});

test('any Compose file gives settings, none, or a BuildError', async (t) => {
  const pieces = fc.array(
    fc.constantFrom(
      'services:',
      '\n',
      '  ',
      'web:',
      ' build: .',
      'args',
      ': ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&a ',
      '*a',
      '<<: ',
      '!reset ',
      '${A}',
      '|',
      '"',
      '#',
      'extends: web',
      '? ',
      '---\n',
      'null',
    ),
    {maxLength: 25},
  );
  const directory = temporaryDirectory(t);
  await fc.assert(
    fc.asyncProperty(pieces, async (parts) => {
      writeTree(directory, {'compose.yaml': parts.join('')});
      try {
        await loadCompose({directory, environment: new Map()}, never);
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
      }
    }),
    {numRuns: 300},
  );
  t.pass();
});
