import test from 'ava';
import {BuildError, type ErrorCode} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {load, type Tree, web} from './loading.js';

interface Refusal {
  readonly files: Tree;
  readonly code: ErrorCode;
  /** Pattern of the whole text that a person sees. */
  readonly text: RegExp;
  readonly line?: number;
}
const refusals: Readonly<Record<string, Refusal>> = {
  'an unclosed list': {
    files: {'compose.yaml': 'services:\n  web:\n    build: [a\n'},
    code: 'COMPOSE_SYNTAX',
    text: /broken YAML/,
  },
  'a tab': {files: {'compose.yaml': 'services:\n\tweb: 1\n'}, code: 'COMPOSE_SYNTAX', text: /tab/, line: 2},
  'a key twice': {
    files: {'compose.yaml': web('build: .\nbuild: x')},
    code: 'COMPOSE_SYNTAX',
    text: /stands twice/,
    line: 4,
  },
  'an alias of nothing': {
    files: {'compose.yaml': 'x-a: &base {}\nservices:\n  web: *bse\n'},
    code: 'COMPOSE_SYNTAX',
    text: /\*bse names no anchor[\s\S]*> 3 \|   web: \*bse\n {4}\| {8}\^{4}\n.*base/,
    line: 3,
  },
  'an anchor in itself': {
    files: {'compose.yaml': 'x-a: &a {b: *a}\n'},
    code: 'COMPOSE_SYNTAX',
    text: /contains itself/,
  },
  'a merge key of text': {
    files: {'compose.yaml': 'services:\n  web: {<<: x}\n'},
    code: 'COMPOSE_SYNTAX',
    text: /merge key/,
  },
  'a misspelt key of build': {
    files: {'compose.yaml': web('build:\n  context: .\n  dockerfle: x')},
    code: 'COMPOSE_INVALID',
    text: /no key "dockerfle" of services\.web\.build \(did you mean "dockerfile"\?\)\n[\s\S]*\n {4}\| {7}\^{9}\n/,
    line: 5,
  },
  'a misspelt key of a service': {
    files: {'compose.yaml': web('bild: .')},
    code: 'COMPOSE_INVALID',
    text: /did you mean "build"/,
    line: 3,
  },
  'a misspelt key at the top': {
    files: {'compose.yaml': 'service:\n  web: {}\n'},
    code: 'COMPOSE_INVALID',
    text: /did you mean "services"/,
    line: 1,
  },
  'an argument that is a list': {
    files: {'compose.yaml': web('build: {context: ., args: {A: [1]}}')},
    code: 'COMPOSE_INVALID',
    text: /services\.web\.build\.args\.A must be text, .* not a list/,
    line: 3,
  },
  'a required variable in another service': {
    files: {'compose.yaml': `${web('build: .')}  db:\n    image: "x:\${TAG?say which}"\n`},
    code: 'COMPOSE_INTERPOLATION',
    text: /services\.db\.image: the required variable TAG is not set: say which\n[\s\S]*\^{16}\n.*Set TAG/,
    line: 5,
  },
  'a bad expression': {
    files: {'compose.yaml': web('image: a${B!x}c\nbuild: .')},
    code: 'COMPOSE_INTERPOLATION',
    text: /\n {4}\| {13}\^{6}\n/,
    line: 3,
  },
  'a broken .env': {
    files: {'compose.yaml': web('build: .'), '.env': 'A=1\nB="x\n'},
    code: 'COMPOSE_SYNTAX',
    text: /^\.env:2: .*quote/,
    line: 2,
  },
  'a name with a space in .env': {
    files: {'compose.yaml': web('build: .'), '.env': 'set A=1\n'},
    code: 'COMPOSE_SYNTAX',
    text: /space/,
    line: 1,
  },
  'an env file that is named and absent': {
    files: {'compose.yaml': 'include: [{path: a.yaml, env_file: no.env}]\n', 'a.yaml': web('build: .')},
    code: 'COMPOSE_NOT_FOUND',
    text: /^no\.env: /,
  },
  'a missing included file': {
    files: {'compose.yaml': 'include: [no.yaml]\n'},
    code: 'COMPOSE_NOT_FOUND',
    text: /no file no\.yaml/,
    line: 1,
  },
  'a missing extended service': {
    files: {'compose.yaml': 'services:\n  base: {build: .}\n  web: {extends: bas}\n'},
    code: 'COMPOSE_INVALID',
    text: /did you mean "base"/,
    line: 3,
  },
  'a remote include': {
    files: {'compose.yaml': 'include: ["https://h/x.git"]\n'},
    code: 'UNSUPPORTED',
    text: /https:/,
    line: 1,
  },
  'a secret of nowhere': {
    files: {'compose.yaml': `${web('build: {context: ., secrets: [tokn]}')}secrets: {token: {file: x}}\n`},
    code: 'COMPOSE_INVALID',
    text: /did you mean "token"/,
    line: 3,
  },
  'a limit that is text': {
    files: {'compose.yaml': web('build: {context: ., ulimits: {nofile: many}}')},
    code: 'COMPOSE_INVALID',
    text: /whole number/,
    line: 3,
  },
  'a size of nothing': {
    files: {'compose.yaml': web('build: {context: ., shm_size: big}')},
    code: 'COMPOSE_INVALID',
    text: /128mb/,
    line: 3,
  },
};
for (const [name, {files, code, text, line}] of Object.entries(refusals)) {
  test(`refused with its place: ${name}`, async (t) => {
    const error = await t.throwsAsync(load(t, files).build, {instanceOf: BuildError});
    t.is(error.code, code);
    t.regex(formatError(error), text);
    if (line !== undefined) t.is(error.range?.start, line);
    t.notRegex(error.details.file ?? '', /^\//);
  });
}

test('a kilobyte that stands for a billion values is refused at once', async (t) => {
  const levels = Array.from({length: 12}, (_, level) => {
    const from =
      level === 0
        ? '[x, x, x, x, x, x, x, x, x, x]'
        : `[${Array(10)
            .fill(`*a${level - 1}`)
            .join(', ')}]`;
    return `x-a${level}: &a${level} ${from}`;
  });
  const begun = Date.now();
  const {build} = load(t, {'compose.yaml': `${levels.join('\n')}\n${web('build: .')}`});
  await t.throwsAsync(build, {code: 'COMPOSE_INVALID', message: /100000 values/});
  t.true(Date.now() - begun < 10_000);
});

test('deep nesting is refused, not a full stack', async (t) => {
  const {build} = load(t, {'compose.yaml': `x-a: ${'['.repeat(3000)}${']'.repeat(3000)}\n`});
  const error = await t.throwsAsync(build, {instanceOf: BuildError});
  t.regex(error.code, /^COMPOSE_/);
});
