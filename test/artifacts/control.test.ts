import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {parseControl} from '../../engine/artifacts/control.js';

test('fields are found whatever the case of their names, folded lines keep their breaks', (t) => {
  const fields = parseControl(
    'Package: portal\ndepends:\n a,\n b\nDescription: short\n long\n .\n  verbatim\n',
    'control',
  );
  t.deepEqual(
    [...fields],
    [
      ['package', 'portal'],
      ['depends', '\na,\nb'],
      ['description', 'short\nlong\n.\n verbatim'],
    ],
  );
});

const rejected: readonly (readonly [string, number, RegExp])[] = [
  ['Package: x\nVersion 1\n', 2, /expected "Field: value", got "Version 1"/],
  [' folded\nPackage: x\n', 1, /continued line before the first field/],
  ['Package: x\npackage: y\n', 2, /the field package is there twice/],
  ['Package: x\n\nPackage: y\n', 3, /second paragraph/],
  ['-Package: x\n', 1, /expected "Field: value"/],
];
for (const [text, line, message] of rejected) {
  test(`control text ${JSON.stringify(text)} is refused at line ${line}`, (t) => {
    const error = t.throws(() => parseControl(text, 'control'), {instanceOf: BuildError, code: 'ARTIFACT_INVALID'});
    t.regex(error.message, message);
    t.is(error.range?.start, line);
  });
}

test('no text makes the parser throw anything else', (t) => {
  fc.assert(
    fc.property(fc.string({unit: fc.constantFrom('a', ':', '\n', ' ', '\t', '#', '-', '\r', 'é')}), (text) => {
      try {
        parseControl(text, 'control');
      } catch (error) {
        t.true(error instanceof BuildError && error.code === 'ARTIFACT_INVALID');
      }
      t.pass();
    }),
    {numRuns: 1000},
  );
});
