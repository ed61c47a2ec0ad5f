import test from 'ava';
import {applyCheck, checkOptionsOf, parseCheck} from '../../engine/dockerfile/check-directive.js';
import {checkDockerfile} from '../../engine/dockerfile/checks.js';
import {parseDockerfile} from '../../engine/dockerfile/parse.js';
import {ruleOf, rules, warning} from '../../engine/dockerfile/rules.js';
import {credentialIn, isSecretName} from '../../engine/dockerfile/secret-names.js';
import {parseStatements} from '../../engine/dockerfile/statement.js';

test('the catalogue has the published pages, and none for our own rules', (t) => {
  const pageOf = (name: string) => ruleOf(name).url?.replace('https://docs.docker.com/go/dockerfile/rule/', '');
  t.is(pageOf('StageNameCasing'), 'stage-name-casing/');
  t.is(pageOf('FromAsCasing'), 'from-as-casing/');
  t.is(pageOf('JSONArgsRecommended'), 'json-args-recommended/');
  t.is(pageOf('SecretsUsedInArgOrEnv'), 'secrets-used-in-arg-or-env/');
  t.is(pageOf('UndefinedArgInFrom'), 'undefined-arg-in-from/');
  t.is(pageOf('FromPlatformFlagConstDisallowed'), 'from-platform-flag-const-disallowed/');
  t.is(pageOf('UnusedBuildArg'), undefined);
  t.is(rules.filter(({url}) => url !== undefined).length, 22);
  t.is(new Set(rules.map(({name}) => name)).size, rules.length);
  t.throws(() => ruleOf('NoSuchRule'));
});

test('a warning without a range has line 0', (t) => {
  t.like(warning('UnusedBuildArg', 'x'), {line: 0, range: undefined, url: undefined});
  t.like(warning('StageNameCasing', 'x', {start: 3, end: 4}), {line: 3});
});

test('check options are read, and the last of a kind counts', (t) => {
  t.deepEqual(parseCheck(undefined), {skip: new Set<string>(), error: false, experimental: new Set<string>()});
  t.deepEqual(parseCheck('skip=A, B;error=true'), {
    skip: new Set(['A', 'B']),
    error: true,
    experimental: new Set<string>(),
  });
  t.deepEqual(parseCheck('skip=all;experimental=all'), {skip: 'all', error: false, experimental: 'all'});
  t.false(parseCheck('error=0').error);
  for (const text of ['skp=all', 'error', 'error=maybe', 'x']) {
    t.throws(() => parseCheck(text), {code: 'DOCKERFILE_SYNTAX'});
  }
});

test('a wrong check directive is shown at its line', (t) => {
  const error = t.throws(() => checkOptionsOf(parseDockerfile('# syntax=x\n# check=skp=all\nFROM a\n')));
  t.like(error, {code: 'DOCKERFILE_SYNTAX', range: {start: 2, end: 2}});
  t.regex(error.message, /did you mean "skip"/);
});

test('skip removes warnings; experimental ones need to be asked for, and then are not skipped', (t) => {
  const all = ['FromAsCasing', 'UndefinedVar', 'CopyIgnoredFile'].map((rule) => warning(rule, 'x'));
  const left = (text: string | undefined) => applyCheck(all, parseCheck(text)).map(({rule}) => rule);
  t.deepEqual(left(undefined), ['FromAsCasing', 'UndefinedVar']);
  t.deepEqual(left('skip=UndefinedVar'), ['FromAsCasing']);
  t.deepEqual(left('skip=undefinedvar'), ['FromAsCasing', 'UndefinedVar']);
  t.deepEqual(left('skip=all'), []);
  t.deepEqual(left('skip=all;experimental=CopyIgnoredFile'), ['CopyIgnoredFile']);
  t.deepEqual(left('experimental=all'), ['FromAsCasing', 'UndefinedVar', 'CopyIgnoredFile']);
});

test('secret names are whole words between underscores', (t) => {
  for (const name of ['TOKEN', 'API_KEY', 'github_token', 'aws_access_key_id', 'AUTH', 'DB_PASSWORD', 'APIKEY']) {
    t.true(isSecretName(name), name);
  }
  for (const name of ['PUBLIC_KEY', 'KEYBOARD', 'PASS', 'AUTHOR', 'TOKENS', 'MONKEY', ''])
    t.false(isSecretName(name), name);
});

test('credentials are recognised by their form, variables are none', (t) => {
  t.is(credentialIn('postgres://app:hunter2@db/app'), 'a URL with a password');
  t.is(credentialIn(`ghp_${'a'.repeat(36)}`), 'a GitHub token');
  for (const value of [
    'postgres://app:$PASS@db',
    'https://example.org/a:b@c',
    'git@github.com:a/b',
    'http://h:80/',
    'x',
  ]) {
    t.is(credentialIn(value), undefined, value);
  }
});

test('the last comment above a stage or an ARG describes it, as with Docker 28', (t) => {
  const text = `# check=experimental=all

# base is not the last
# one

FROM scratch AS base
#   SPACES a
ARG SPACES
  # INDENTED a
ARG INDENTED
# not it
#
ARG EMPTY
# not it

ARG BLANK
# ALONE
ARG ALONE
#CLOSE a
ARG CLOSE
# COLON: a
ARG COLON
# OTHER
ARG ONE TWO
# other
# later the later stage
FROM scratch AS Later
RUN a \\
# inside
 b
ARG NONE
`;
  const dockerfile = parseDockerfile(text);
  const found = checkDockerfile(dockerfile, parseStatements(dockerfile)).filter(
    ({rule}) => rule === 'InvalidDefinitionDescription',
  );
  t.deepEqual(
    found.map(({line, message}) => [line, message.replace(/^.*`# (.*) <description>`$/, '$1')]),
    [
      [6, 'base'],
      [10, 'INDENTED'],
      [16, 'BLANK'],
      [22, 'COLON'],
      [24, '<arg_key>'],
    ],
  );
});
