import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {expand, expandWord, expandWords} from '../../engine/dockerfile/expand.js';
import {badWords, vectorEnv, vectors} from './expand-vectors.js';

test('there are enough vectors, each once', (t) => {
  t.true(vectors.length >= 150);
  t.is(new Set(vectors.map(([word]) => word)).size, vectors.length);
});

const becomes = test.macro({
  exec(t, word: string, value: string) {
    t.is(expandWord(word, vectorEnv), value);
  },
  title: (_, word, value) => `${String(word)} becomes ${JSON.stringify(value)}`,
});
for (const [word, value] of vectors) test(becomes, word, value);

const refused = test.macro({
  exec(t, word: string) {
    t.throws(() => expandWord(word, vectorEnv), {instanceOf: BuildError, code: 'DOCKERFILE_WORD'});
  },
  title: (_, word) => `${String(word)} is refused`,
});
for (const word of badWords) test(refused, word);

const splits = test.macro({
  exec(t, word: string, words: readonly string[]) {
    t.deepEqual(expandWords(word, vectorEnv), words);
  },
  title: (_, word, words) => `${JSON.stringify(word)} splits into ${JSON.stringify(words)}`,
});
test(splits, '', []);
test(splits, '   ', []);
test(splits, 'a b', ['a', 'b']);
test(splits, '  a\t b  ', ['a', 'b']);
test(splits, '$S', ['two', 'words']);
test(splits, '"$S"', ['two  words']);
test(splits, "'$S'", ['$S']);
test(splits, 'x${S}y', ['xtwo', 'wordsy']);
test(splits, '$NOPE', []);
test(splits, '"$NOPE"', []);
test(splits, '$NOPE a', ['a']);
test(splits, 'a "" b', ['a', 'b']);
test(splits, 'a" "b', ['a b']);
test(splits, 'a\\ b c', ['a b', 'c']);
test(splits, '${NOPE:-x y}', ['x', 'y']);
test(splits, '"${NOPE:-x y}"', ['x y']);
test(splits, '80 443/udp $X1', ['80', '443/udp', 'one']);
test(splits, 'a\u00a0x', ['a', 'x']);
test(splits, 'cat << EOF', ['cat', '<< EOF']);

test('with the backquote as escape a backslash is an ordinary character', (t) => {
  const options = {escape: '`'} as const;
  t.is(expandWord('c:\\$A', vectorEnv, options), 'c:\\alpha');
  t.is(expandWord('`$A', vectorEnv, options), '$A');
  t.is(expandWord('"`$A`""', vectorEnv, options), '$A"');
  t.is(expandWord('"a`b"', vectorEnv, options), 'a`b');
  t.is(expandWord('C:\\dir\\', vectorEnv, options), 'C:\\dir\\');
});

test('names are reported as used or unset', (t) => {
  const {used, unset} = expand('$A ${NOPE:-$X1} "${E}" \'$Q\' \\$P ${B+x}', vectorEnv);
  t.deepEqual([...used].sort(), ['A', 'B', 'E', 'X1']);
  t.deepEqual([...unset], ['NOPE']);
});

test('raw quotes and escapes stay, unset references stay as written', (t) => {
  const raw = {rawQuotes: true, rawEscapes: true, keepUnset: true};
  for (const word of ['"a $NOPE"', "'$A'", '\\$A', '${NOPE:-x}', '${NOPE/a/b}', '${NOPE#x}', '${NOPE:0:3}', '"\\""']) {
    t.is(expandWord(word, vectorEnv, raw), word);
  }
  t.is(expandWord('$A', vectorEnv, raw), 'alpha');
});

test('quotes are ordinary where they are to be ignored', (t) => {
  t.is(expandWord(`it's "$A" \\$A`, vectorEnv, {ignoreQuotes: true}), `it's "alpha" $A`);
});

test('a newline is matched by no wildcard', (t) => {
  const env = new Map([['N', 'one\ntwo']]);
  t.is(expandWord('${N#*o}', env), 'ne\ntwo');
  t.is(expandWord('${N##*o}', env), 'ne\ntwo');
  t.is(expandWord('${N%t*}', env), 'one\n');
  t.is(expandWord('${N//?/x}', env), 'xxx\nxxx');
});

const pieces = fc.constantFrom(
  ...['$', '${', '}', ':-', ':+', ':?', '-', '+', '?', '#', '##', '%', '%%', '/', '//', '*', '\\', '"', "'", '`', ' '],
  ...['A', 'NOPE', 'S', 'E', 'x', '1', '{', '<<', '\n', 'é', '😀', '\ufeff', '\0'],
);
const words = fc.oneof(
  fc.array(pieces, {maxLength: 40}).map((parts) => parts.join('')),
  fc.string({unit: 'binary'}),
);

test('any word is expanded or refused with a BuildError', (t) => {
  fc.assert(
    fc.property(words, fc.constantFrom('\\' as const, '`' as const), fc.boolean(), (word, escape, raw) => {
      try {
        expand(word, vectorEnv, {escape, rawQuotes: raw, rawEscapes: raw, keepUnset: raw});
      } catch (error) {
        if (!(error instanceof BuildError) || error.code !== 'DOCKERFILE_WORD') throw error;
      }
    }),
    {numRuns: 2000},
  );
  t.pass();
});

test('a word in single quotes is itself', (t) => {
  fc.assert(
    fc.property(fc.string({unit: 'grapheme'}), (text) => {
      const plain = text.replaceAll("'", '');
      return expandWord(`'${plain}'`, vectorEnv) === plain;
    }),
  );
  t.pass();
});

/** Prefixes and suffixes by trying every length, with the pattern as a regular expression. */
function slowTrim(value: string, pattern: string, end: boolean, greedy: boolean): string {
  const source = pattern
    .replace(/[.+^$()|{}[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const whole = new RegExp(`^(?:${source})$`, 'u');
  const lengths = Array.from({length: value.length + 1}, (_, length) => length);
  const fits = lengths.filter((length) =>
    whole.test(end ? value.slice(value.length - length) : value.slice(0, length)),
  );
  const length = (greedy ? fits.at(-1) : fits[0]) ?? 0;
  return end ? value.slice(0, value.length - length) : value.slice(length);
}

test('# ## % %% agree with trying every length', (t) => {
  const value = fc.string({unit: fc.constantFrom('a', 'b', '.', '/'), maxLength: 12});
  const pattern = fc.string({unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 6});
  fc.assert(
    fc.property(value, pattern, fc.constantFrom('#', '##', '%', '%%'), (text, glob, modifier) => {
      const got = expandWord(`\${V${modifier}${glob}}`, new Map([['V', text]]));
      return got === slowTrim(text, glob, modifier.startsWith('%'), modifier.length === 2);
    }),
    {numRuns: 2000},
  );
  t.pass();
});

const milliseconds = (work: () => void): number => {
  const start = performance.now();
  try {
    work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
  }
  return performance.now() - start;
};

const mega = 1024 * 1024;
const big: readonly (readonly [title: string, word: string])[] = [
  ['dollars', '$'.repeat(mega)],
  ['references', '$A'.repeat(mega / 2)],
  ['open substitutions', '${'.repeat(mega / 2)],
  ['nested defaults', '${NOPE:-'.repeat(mega / 8)],
  ['escapes', '\\'.repeat(mega)],
  ['single quotes', "'".repeat(mega)],
  ['double quotes', '"'.repeat(mega)],
  ['spaces after <<', `<<${' '.repeat(mega)}<`],
  ['words', 'a '.repeat(mega / 2)],
];
for (const [title, word] of big) {
  test(`1 MiB of ${title} takes no more than seconds`, (t) => {
    t.true(milliseconds(() => expand(word, vectorEnv)) < 5000);
  });
}

test('patterns that make a backtracking matcher explode are answered at once', (t) => {
  const env = new Map([['V', 'a'.repeat(50_000)]]);
  const pattern = '*a'.repeat(30);
  for (const word of [`\${V##${pattern}b}`, `\${V%%b${pattern}}`, `\${V//${pattern}b/x}`, `\${V/${pattern}b/x}`]) {
    t.true(milliseconds(() => expandWord(word, env)) < 3000);
  }
});

test('a result that does not fit in memory is refused', (t) => {
  const env = new Map([['V', 'x'.repeat(mega)]]);
  t.throws(() => expandWord('$V'.repeat(1000), env), {code: 'DOCKERFILE_WORD'});
});
