import test from 'ava';
import fc from 'fast-check';
import type {BuildError} from '../../engine/base/errors.js';
import {familiarName, formatReference, parseReference, withDefaultTag} from '../../engine/oci/reference.js';

const hex = 'a'.repeat(64);

const normalises = test.macro({
  exec(t, text: string, full: string, familiar: string) {
    const reference = parseReference(text);
    t.is(formatReference(reference), full);
    t.is(familiarName(reference), familiar);
  },
  title: (_, text: string, full: string) => `${text} is ${full}`,
});
for (const [text, full, familiar] of [
  ['debian', 'docker.io/library/debian', 'debian'],
  ['debian:12', 'docker.io/library/debian:12', 'debian:12'],
  ['team/app', 'docker.io/team/app', 'team/app'],
  ['team/a/b/c:x', 'docker.io/team/a/b/c:x', 'team/a/b/c:x'],
  ['library/debian', 'docker.io/library/debian', 'debian'],
  ['docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['index.docker.io/team/app', 'docker.io/team/app', 'team/app'],
  ['index.docker.io/debian', 'docker.io/library/debian', 'debian'],
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app:1', 'localhost:5000/app:1', 'localhost:5000/app:1'],
  ['LOCALHOST/app', 'LOCALHOST/app', 'LOCALHOST/app'],
  ['Host/app', 'Host/app', 'Host/app'],
  ['registry.example/app', 'registry.example/app', 'registry.example/app'],
  ['[::1]:5000/app', '[::1]:5000/app', '[::1]:5000/app'],
  ['10.0.0.1:80/a/b', '10.0.0.1:80/a/b', '10.0.0.1:80/a/b'],
  ['f/a__b.c-d--e', 'docker.io/f/a__b.c-d--e', 'f/a__b.c-d--e'],
  ['app:_x.Y-9', 'docker.io/library/app:_x.Y-9', 'app:_x.Y-9'],
  [`app@sha256:${hex}`, `docker.io/library/app@sha256:${hex}`, `app@sha256:${hex}`],
  [`app:1@sha256:${hex}`, `docker.io/library/app:1@sha256:${hex}`, `app:1@sha256:${hex}`],
  ['a'.repeat(247), `docker.io/library/${'a'.repeat(247)}`, 'a'.repeat(247)],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
] as const) {
  test(normalises, text, full, familiar);
}

const refuses = test.macro({
  exec(t, text: string, why: RegExp) {
    t.throws(() => parseReference(text), {code: 'REFERENCE_INVALID', message: why});
  },
  title: (_, text: string) =>
    `refuses ${JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}… (${text.length})` : text)}`,
});
for (const [text, why] of [
  ['', /empty/],
  [' debian', /space/],
  ['debian\n', /space/],
  ['Debian', /lower case/],
  ['team/App', /lower case/],
  ['https://host/app', /URL/],
  ['app:', /tag after ":" is empty/],
  [`app:${'t'.repeat(129)}`, /at most 128/],
  ['app:-x', /not a tag/],
  ['app:a:b', /not a tag/],
  [':12', /name before the tag/],
  ['@sha256:' + hex, /name before/],
  ['app@', /not a digest/],
  ['app@sha256:abc', /not a digest/],
  [`app@sha256:${'A'.repeat(64)}`, /64 lower-case/],
  [`app@sha256:${'a'.repeat(63)}`, /64 lower-case/],
  [`app@sha512:${'a'.repeat(128)}`, /not supported/],
  [hex, /64 hexadecimal/],
  ['a//b', /empty/],
  ['a/b/', /empty/],
  ['/a', /empty/],
  ['-a', /not a name/],
  ['a-', /not a name/],
  ['a..b', /not a name/],
  ['a___b', /not a name/],
  ['a/../b', /not a name/],
  ['../a', /host/],
  ['host.:80/a', /host/],
  ['host:port/a', /host/],
  ['[::g]/a', /not a name|host/],
  ['ünïcode', /not a name/],
  ['a b', /not a name/],
  ['a'.repeat(248), /at most 255/],
] as const) {
  test(refuses, text, why);
}

test('a reference in upper case is told how to write it', (t) => {
  const error = t.throws<BuildError>(() => parseReference('Team/App:1'), {code: 'REFERENCE_INVALID'});
  // "Team" has an upper-case letter, so it is a host for Docker too.
  t.is(error.details.remedy, 'Did you mean "Team/app:1"?');
  const official = t.throws<BuildError>(() => parseReference('Debian:Slim'), {code: 'REFERENCE_INVALID'});
  t.is(official.details.remedy, 'Did you mean "debian:Slim"?');
});

test('the default tag is added only where there is neither tag nor digest', (t) => {
  const of = (text: string) => familiarName(withDefaultTag(parseReference(text)));
  t.is(of('a'), 'a:latest');
  t.is(of('a:1'), 'a:1');
  t.is(of(`a@sha256:${hex}`), `a@sha256:${hex}`);
});

test('what is parsed is written and parsed to the same, and any text is either parsed or refused with a code', (t) => {
  const part = fc.stringMatching(/^[a-zA-Z0-9:/@._-]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(part, fc.string()), (text) => {
      let reference;
      try {
        reference = parseReference(text);
      } catch (error) {
        return (error as BuildError).code === 'REFERENCE_INVALID';
      }
      t.deepEqual(parseReference(formatReference(reference)), reference);
      t.deepEqual(parseReference(familiarName(reference)), reference);
      return true;
    }),
    {numRuns: 3000},
  );
});
