import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {parseIgnore, rulesOfPatterns} from '../../engine/context/ignore/ignore.js';
import {packageIgnores} from '../../engine/context/ignore/package-matcher.js';

/** Ignore file, paths it ignores, paths it does not. */
const table: readonly (readonly [text: string, ignored: readonly string[], sent: readonly string[]])[] = [
  // What the reference shows.
  ['*/draft*', ['a/draft', 'a/drafts.txt', 'a/draft/x'], ['draft', 'a/b/draft', 'a/x']],
  ['*/*/draft*', ['a/b/drafts.txt'], ['a/draft', 'a/b/c/draft']],
  ['draft?', ['draft1', 'drafts', 'drafts/x'], ['draft', 'draft12', 'x/drafts']],
  ['# draft\n*/draft*\n*/*/draft*\ndraft?', ['a/draft', 'a/b/draft', 'drafts'], ['draft', '# draft', 'a/b/c/draft']],
  ['build\ncoverage', ['build', 'build/x', 'coverage/y'], ['src/build', 'builds']],
  ['**/*.log', ['a.log', 'x/a.log', 'x/y/a.log'], ['a.lo', 'a.logs']],
  ['/src/gen/', ['src/gen', 'src/gen/x'], ['x/src/gen', 'src']],
  ['/src/gen', ['src/gen', 'src/gen/x'], ['x/src/gen', 'src']],
  ['src/gen/', ['src/gen', 'src/gen/x'], ['x/src/gen', 'src']],
  ['src/gen', ['src/gen', 'src/gen/x'], ['x/src/gen', 'src']],
  ['#/src/gen', [], ['src/gen', '#/src/gen']],
  ['Dockerfile\n.dockerignore', ['Dockerfile', '.dockerignore'], ['x/Dockerfile']],
  ['*.txt\n!NOTICE.txt', ['a.txt', 'TODO.txt'], ['NOTICE.txt', 'x/a.txt']],
  ['*.txt\n!NOTICE*.txt\nNOTICE-own.txt', ['a.txt', 'NOTICE-own.txt'], ['NOTICE.txt', 'NOTICE-x.txt']],
  ['*.txt\nNOTICE-own.txt\n!NOTICE*.txt', ['a.txt'], ['NOTICE.txt', 'NOTICE-own.txt']],
  // Lines.
  ['# a\na', ['a'], ['# a']],
  [' # a', ['# a'], ['a']],
  ['\n\n  a  \n\t\n', ['a'], ['b']],
  ['a\r\nb\r\n', ['a', 'b'], ['a\r']],
  ['\uFEFFa', ['a'], []],
  ['a', ['a', 'a/b', 'a/b/c'], ['A', 'ab', 'b/a']],
  ['a/', ['a', 'a/b'], ['ab']],
  ['./a//b/../c', ['a/c'], ['a/b']],
  ['..', [], ['a', '..a']],
  ['.', [], ['a', '.a']],
  ['.*', ['.a', '.git/x'], ['a', 'x/.a']],
  // Characters with a meaning.
  ['a.b', ['a.b'], ['axb']],
  ['a+b*', ['a+b', 'a+bc'], ['aab']],
  ['(x)*', ['(x)', '(x)y'], ['x']],
  ['$*', ['$a'], ['a']],
  ['[a-c]', ['a', 'b', 'c'], ['d', '[a-c]']],
  ['[^a-c]', ['d'], ['a', 'dd']],
  ['\\*', ['*'], ['a']],
  ['\\!a', ['!a'], ['a']],
  ['!!a', [], ['a', '!a']],
  ['*\n!!a', ['a', 'b'], ['!a']],
  ['a?', ['ab', 'a日', 'a😀'], ['a', 'abc', 'a/']],
  ['**/a', ['a', 'x/a', 'x/y/a', 'x/a/z'], ['xa', 'x/ya']],
  ['a/**', ['a/b', 'a/b/c'], ['a', 'ab']],
  ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a', 'ab', 'a/xb']],
  ['**', ['a', 'a/b'], []],
  ['*\n!a', ['b', 'b/a'], ['a', 'a/b']],
  ['a\n!a/b', ['a', 'a/c', 'a/bb'], ['a/b', 'a/b/c']],
  ['a\n!a/b\na/b/c', ['a', 'a/b/c', 'a/b/c/d'], ['a/b', 'a/b/d']],
  ['constructor', ['constructor'], ['toString']],
  ['toString/x', ['toString/x'], ['constructor', 'toString']],
  ['__proto__', ['__proto__', '__proto__/a'], ['a']],
];

for (const [text, ignored, sent] of table) {
  const rules = parseIgnore(text);
  for (const path of ignored) test(`${JSON.stringify(text)} ignores ${path}`, (t) => t.true(rules.ignores(path)));
  for (const path of sent) test(`${JSON.stringify(text)} does not ignore ${path}`, (t) => t.false(rules.ignores(path)));
}

test('the rule that decided is told, with its line', (t) => {
  const rules = parseIgnore('# first\n*.md\n\n!README.md\ndocs\n');
  t.like(rules.ruleOf('a.md'), {pattern: '*.md', line: 2, negated: false});
  t.like(rules.ruleOf('README.md'), {pattern: '!README.md', line: 4, negated: true});
  t.like(rules.ruleOf('docs/x/y'), {pattern: 'docs', line: 5, negated: false});
  t.is(rules.ruleOf('x'), undefined);
});

const wrong = test.macro({
  exec(t, pattern: string, column: number) {
    const error = t.throws(() => parseIgnore(`a\n${pattern}\n`), {instanceOf: BuildError});
    t.is(error.code, 'IGNORE_PATTERN');
    t.deepEqual(error.range, {start: 2, end: 2});
    t.is(error.details.columns?.start, column);
    t.true(formatError(error).startsWith('.dockerignore:2: ignore pattern'));
  },
  title: (_, pattern: unknown) => `the pattern ${String(pattern)} is refused with its line and column`,
});
test(wrong, 'x[a', 2);
test(wrong, 'x/[]a]', 4);
test(wrong, '[a-]', 4);
test(wrong, 'foo\\', 4);
test(wrong, '!', 1);
test(wrong, '  [b-a]', 3);
test(wrong, '\\q', 1);

/**
 * The documented rules, slowly: each character of the pattern against each of the path by backtracking; a rule matches a path where
 * it matches the path or a directory above it; the last that matches decides.
 */
function slowly(text: string, path: string): boolean {
  const parts = path.split('/');
  const above = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  let ignored = false;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const negated = line.startsWith('!');
    if (above.some((one) => glob(negated ? line.slice(1) : line, one))) ignored = !negated;
  }
  return ignored;
}

function glob(pattern: string, path: string): boolean {
  if (pattern === '') return path === '';
  if (pattern === '**') return true;
  if (pattern.startsWith('**/')) {
    const rest = pattern.slice(3);
    if (glob(rest, path)) return true;
    const slash = path.indexOf('/');
    return slash >= 0 && glob(pattern, path.slice(slash + 1));
  }
  const [first = ''] = pattern;
  if (first === '*') {
    if (glob(pattern.slice(1), path)) return true;
    return path !== '' && !path.startsWith('/') && glob(pattern, path.slice(1));
  }
  if (path === '') return false;
  if (first === '?') return !path.startsWith('/') && glob(pattern.slice(1), path.slice(1));
  return path.startsWith(first) && glob(pattern.slice(1), path.slice(1));
}

const letter = fc.constantFrom('a', 'b', '.', '-', '+', '(', '$');
const plainPart = fc.array(fc.oneof({weight: 4, arbitrary: letter}, fc.constantFrom('*', '?')), {
  minLength: 1,
  maxLength: 4,
});
const patternPart = fc.oneof(
  {weight: 5, arbitrary: plainPart.map((chars) => chars.join('').replace(/\*\*+/g, '*'))},
  fc.constant('**'),
);
const relative = (part: string) => !/^\.+$/.test(part);
const pattern = fc.array(patternPart.filter(relative), {minLength: 1, maxLength: 4}).map((parts) => parts.join('/'));
const path = fc
  .array(
    fc
      .array(letter, {minLength: 1, maxLength: 3})
      .map((chars) => chars.join(''))
      .filter(relative),
    {minLength: 1, maxLength: 4},
  )
  .map((parts) => parts.join('/'));

test('rules without "!" agree with a slow reading of the documented rules', (t) => {
  const check = fc.property(fc.array(pattern, {maxLength: 4}), path, (patterns, one) => {
    const text = patterns.join('\n');
    return parseIgnore(text).ignores(one) === slowly(text, one);
  });
  t.notThrows(() => fc.assert(check, {numRuns: 5000}));
});

// A "!" rule for a directory above a path that an earlier rule names is the one case where builders depart from the reference:
// they ask a rule about a directory only where it could change something. The rule after it is for the path itself here.
test('rules with "!" agree with a slow reading of the documented rules where each is asked about its own path', (t) => {
  const name = fc
    .array(letter, {minLength: 1, maxLength: 2})
    .map((chars) => chars.join(''))
    .filter(relative);
  const check = fc.property(pattern, fc.array(name, {minLength: 1, maxLength: 3}), name, (broad, directory, file) => {
    const one = [...directory, file].join('/');
    const text = `${broad}\n!${one}\n`;
    return parseIgnore(text).ignores(one) === slowly(text, one);
  });
  t.notThrows(() => fc.assert(check, {numRuns: 3000}));
});

test('@balena/dockerignore is asked where it is safe, and then agrees with our own matcher', (t) => {
  let asked = 0;
  const check = fc.property(fc.array(pattern, {minLength: 1, maxLength: 4}), path, (patterns, one) => {
    const rules = parseIgnore(patterns.join('\n'));
    const answer = packageIgnores(rules.rules)?.(one);
    if (answer === undefined) return true;
    asked++;
    return answer === (rules.ruleOf(one)?.negated === false);
  });
  t.notThrows(() => fc.assert(check, {numRuns: 8000}));
  t.true(asked > 500);
});

test('any text is a set of rules or an error with its line', (t) => {
  const check = fc.property(
    fc.string({
      unit: fc.constantFrom('a', '/', '*', '?', '[', ']', '\\', '!', '^', '{', '}', '|', '2', '-', '\n', ' ', 'é'),
    }),
    path,
    (text, one) => {
      try {
        return typeof parseIgnore(text).ignores(one) === 'boolean';
      } catch (error) {
        return error instanceof BuildError && error.code === 'IGNORE_PATTERN' && (error.range?.start ?? 0) > 0;
      }
    },
  );
  t.notThrows(() => fc.assert(check, {numRuns: 5000}));
});

test('# begins no comment in patterns that are handed on', (t) => {
  const {patterns} = parseIgnore('/#a/b\n# a comment\nc');
  const rules = rulesOfPatterns(patterns);
  t.deepEqual(patterns, ['#a/b', 'c']);
  t.true(rules.ignores('#a/b'));
  t.true(rules.ignores('c'));
  t.false(rules.ignores('#a'));
});
