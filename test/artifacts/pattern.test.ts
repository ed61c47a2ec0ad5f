import test from 'ava';
import fc from 'fast-check';
import {BuildError} from '../../engine/base/errors.js';
import {compileGlob} from '../../engine/base/glob.js';
import {parseArtifactPattern} from '../../engine/artifacts/pattern.js';

const globs: readonly (readonly [string, string, boolean])[] = [
  ['*.deb', 'a.deb', true],
  ['*.deb', 'a.debx', false],
  ['*.deb', 'd/a.deb', false],
  ['**/*.deb', 'a.deb', true],
  ['**/*.deb', 'x/y/a.deb', true],
  ['out/**', 'out/x/y', true],
  ['out/**/z', 'out/z', true],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['[a-c]x', 'bx', true],
  ['[!a-c]x', 'bx', false],
  ['[]]x', ']x', true],
  ['\\*.deb', '*.deb', true],
  ['\\*.deb', 'a.deb', false],
  ['portal_1.0+git.deb', 'portal_1.0+git.deb', true],
  ['a|b', 'a', false],
  ['日?', '日本', true],
  ['[', '[', true],
];
for (const [glob, path, expected] of globs) {
  test(`${glob} ${expected ? 'matches' : 'does not match'} ${path}`, (t) => t.is(compileGlob(glob)(path), expected));
}

test('a glob of many stars is matched in time on any name', (t) => {
  const matches = compileGlob(`${'*a'.repeat(40)}*b`);
  const start = performance.now();
  t.false(matches('a'.repeat(255)));
  t.true(performance.now() - start < 500);
});

test('a name without wildcards matches itself alone, with a star for any part of it as well', (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z.+~_-]{1,20}$/), fc.nat(19), fc.nat(19), (name, from, length) => {
      t.true(compileGlob(name)(name));
      t.false(compileGlob(name)(`${name}x`));
      t.true(compileGlob(`${name.slice(0, from)}*${name.slice(from + length)}`)(name));
    }),
  );
});

test('a pattern may name a stage, and an absolute one where to look', (t) => {
  t.like(parseArtifactPattern('*.deb'), {stage: undefined, absolute: false, base: undefined});
  t.like(parseArtifactPattern('builder:*.deb'), {stage: 'builder', glob: '*.deb'});
  t.like(parseArtifactPattern('builder:/tmp/out/**/*.deb'), {stage: 'builder', absolute: true, base: '/tmp/out'});
  t.like(parseArtifactPattern('/etc/passwd'), {base: '/etc/passwd'});
});

test('a name is found at any depth, a path below the place, a directory with all that is in it', (t) => {
  t.true(parseArtifactPattern('*.deb').matches('/out/x/a.deb', 'x/a.deb'));
  t.false(parseArtifactPattern('y/*.deb').matches('/out/x/a.deb', 'x/a.deb'));
  t.true(parseArtifactPattern('/out').matches('/out/x/a.deb', 'x/a.deb'));
  t.false(parseArtifactPattern('/out').matches('/outer/a.deb', 'a.deb'));
});

for (const text of ['', 'builder:', '../x', 'a/../../b', 'x\0']) {
  test(`the pattern ${JSON.stringify(text)} is refused`, (t) => {
    t.throws(() => parseArtifactPattern(text), {instanceOf: BuildError, code: 'USAGE'});
  });
}
