import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {expand} from '../../engine/experiment/expand.js';
import {parseDefinition} from '../../engine/experiment/read-file.js';

const parse = (text: string) => parseDefinition({path: '/x/e.yaml', label: 'e.yaml', text, directory: '/x'});

const refused = test.macro({
  async exec(t, text: string, line: number, message: RegExp) {
    const error: unknown = await parse(text)
      .then(expand)
      .catch((thrown: unknown) => thrown);
    if (!(error instanceof BuildError)) return t.fail(`not refused: ${String(error)}`);
    const shown = formatError(error);
    t.regex(shown, message);
    t.true(shown.startsWith(`e.yaml:${line}: `), shown);
    t.regex(shown, /\^/, 'the place is underlined');
  },
  title: (_, text) => `the file is refused at its line: ${JSON.stringify(text)}`,
});

test(refused, 'matrx:\n  arg: {A: [1]}\n', 1, /unknown key "matrx" \(did you mean "matrix"\?\)/);
test(refused, 'matrix:\n  agr: {A: [1]}\n', 2, /unknown key "agr" \(did you mean "arg"\?\)/);
test(refused, 'matrix:\n  arg:\n    A: 1\n', 3, /matrix\.arg\.A: expected a list of values/);
test(refused, 'matrix:\n  arg:\n    A: []\n', 3, /must not be empty/);
test(refused, 'matrix:\n  arg:\n    A: [1, 2, 1]\n', 3, /the value "1" stands there twice/);
test(refused, 'matrix:\n  arg: {A: [1, 2]}\nexclude:\n  - arg: {A: 3}\n', 4, /"3" is no value of A/);
test(
  refused,
  'matrix:\n  env: {PORT: [1, 2]}\nexclude:\n  - env: {PROT: 1}\n',
  4,
  /PROT is no axis \(did you mean "PORT"\?\)/,
);
test(refused, 'matrix:\n  arg: {A: [1, 2]}\nbaseline: A=7\n', 3, /no variant is called "A=7"/);
test(refused, 'matrix:\n  arg: {A: [1]}\nexpect:\n  max-size: big\n', 4, /expected a size such as 200m/);
test(
  refused,
  'matrix:\n  arg: {A: [1]}\nexpect:\n  - max-sise: 2m\n',
  4,
  /unknown key "max-sise" \(did you mean "max-size"\?\)/,
);
test(refused, 'matrix:\n  arg: {A: [1]}\nexpect:\n  must-contain: {package: a, file: /b}\n', 4, /either package/);
test(refused, 'matrix:\n  arg: {A: [1]}\nexpect:\n  must-contain:\n    - file: b\n', 5, /no absolute path/);
test(refused, 'matrix:\n  arg: {A: [1]}\ntimeout: soon\n', 3, /expected a time/);
test(refused, 'matrix:\n  arg: {A: [1]}\ntimeout: 1000h\n', 3, /1000h is out of range/);
test(refused, 'matrix:\n  arg: {A: [1]}\ntimeout: 0s\n', 3, /0s is out of range/);
test(refused, 'name: x\n', 1, /neither a matrix nor an include/);
test(refused, 'matrix:\n  arg: {A: [1]}\ninclude:\n  - {arg: {A: 1}}\n', 4, /the variant "A=1" is there twice/);
test(refused, 'matrix: {arg: {A: [1}\n', 1, /broken YAML/);

test('variants are every combination but the excluded, then the included; the baseline comes first', async (t) => {
  const definition = await parse(
    `matrix:
  arg: {A: [1, 2]}
  env: {'web:P': [{name: low, value: 80}, 8080]}
exclude: [{arg: {A: 1}, env: {'web:P': 80}}]
include: [{name: other, arg: {A: 9}, target: test}]
baseline: {arg: {A: 2}, env: {'web:P': 8080}}
`,
  );
  const {variants, baseline} = expand(definition);
  t.deepEqual(
    variants.map(({name}) => name),
    ['A=2 web:P=8080', 'A=1 web:P=8080', 'A=2 web:P=low', 'other'],
  );
  t.true(variants[0] === baseline);
  t.deepEqual(variants[2]?.overrides, {arg: {A: '2'}, env: {'web:P': '80'}, base: {}});
  t.deepEqual(variants[3]?.overrides, {arg: {A: '9'}, env: {}, base: {}, target: 'test'});
});

test('two variants never share the name of a tag', async (t) => {
  const {variants} = expand(await parse('matrix: {arg: {A: ["a b", a-b, A b, "a=b", "ä", "", "é"]}}\n'));
  const slugs = variants.map(({slug}) => slug);
  t.is(new Set(slugs).size, slugs.length);
  for (const slug of slugs) t.regex(slug, /^[a-z0-9][a-z0-9.-]{0,127}$/);
});

test('numbers stay as they are written: 1.10 is a version', async (t) => {
  const {variants} = expand(await parse('matrix: {arg: {A: [1.10, 007, "0x1", true]}}\n'));
  t.deepEqual(
    variants.map(({overrides}) => overrides.arg['A']),
    ['1.10', '007', '0x1', 'true'],
  );
});
