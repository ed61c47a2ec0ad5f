import {execFileSync} from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import {compareDebianVersions, isDebianVersion} from '../../engine/artifacts/deb-version.js';

const ordered = [
  '0~~',
  '0~~a',
  '0~',
  '0',
  '0-0a',
  '1.0~rc1-1',
  '1.0',
  '1.0-1',
  '1.0-1+b1',
  '1.0a',
  '1.0+',
  '1.2',
  '1.10',
  '1:0.1',
];

test('versions are ordered as Debian Policy says', (t) => {
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) t.is(Math.sign(compareDebianVersions(a, b)), Math.sign(i - j), `${a} ${b}`);
  }
});

test('the order agrees with dpkg on random versions', (t) => {
  const part = fc.string({unit: fc.constantFrom('0', '1', '9', 'a', 'b', 'Z', '.', '+', '~'), maxLength: 6});
  const version = fc
    .tuple(
      fc.constantFrom('', '0:', '1:', '12:'),
      fc.constantFrom('0', '1', '2', '10', '01'),
      part,
      fc.option(part, {nil: undefined}),
    )
    .map(([epoch, digit, rest, revision]) => `${epoch}${digit}${rest}${revision === undefined ? '' : `-0${revision}`}`);
  const same = version.map((one): [string, string] => [one, one.includes(':') ? one : `0:${one}`]);
  const pairs = [...fc.sample(fc.tuple(version, version), 1400), ...fc.sample(same, 100)];
  // One shell for all: each line is lt, eq or gt.
  const script = pairs
    .map(
      ([a, b]) =>
        `dpkg --compare-versions '${a}' lt '${b}' && echo -1 || { dpkg --compare-versions '${a}' eq '${b}' && echo 0 || echo 1; }`,
    )
    .join('\n');
  const expected = execFileSync('sh', ['-s'], {input: script, encoding: 'utf8'}).trim().split('\n').map(Number);
  t.is(expected.length, pairs.length);
  const wrong = pairs.filter(([a, b], index) => Math.sign(compareDebianVersions(a, b)) !== expected[index]);
  t.deepEqual(wrong, []);
  t.true(new Set(expected).size === 3);
});

for (const [text, valid] of [
  ['1.0', true],
  ['1:1.0-2', true],
  ['1.0~rc1+dfsg-1~bpo12+1', true],
  ['', false],
  ['1.0 2', false],
  ['a b', false],
  ['1:', false],
] as const) {
  test(`${JSON.stringify(text)} is ${valid ? 'a' : 'no'} Debian version`, (t) => t.is(isDebianVersion(text), valid));
}
