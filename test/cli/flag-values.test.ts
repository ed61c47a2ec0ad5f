import test from 'ava';
import {commaFields} from '../../engine/cli/comma-fields.js';
import {
  parseBuildArg,
  parseBuildContext,
  parseCount,
  parseDuration,
  parseEnvOverride,
  parseHost,
  parseLabel,
  parseOutput,
  parsePort,
  parseSecret,
  parseSize,
  parseSsh,
  parseUlimit,
} from '../../engine/cli/flag-values.js';

const parses = test.macro({
  exec(t, parse: () => unknown, expected: unknown) {
    t.deepEqual(parse(), expected);
  },
  title: (name) => `${name ?? ''} is read`,
});
const refuses = test.macro({
  exec(t, parse: () => unknown, message: RegExp, code: 'USAGE' | 'SECRET_NOT_FOUND' = 'USAGE') {
    const error = t.throws(parse, {code});
    t.regex(error.message, message);
  },
  title: (name) => `${name ?? ''} is refused`,
});

test('comma fields', parses, () => commaFields('a,"b,""c""",', '--x'), ['a', 'b,"c"', '']);
test('an open quote', refuses, () => commaFields('"a', '--x'), /not closed/);
test('text after a quoted field', refuses, () => commaFields('"a"b', '--x'), /after a closing quote/);

test('--build-arg K=V', parses, () => parseBuildArg('A=b=c', {}), {name: 'A', value: 'b=c', origin: 'build-arg'});
test('--build-arg K=', parses, () => parseBuildArg('A=', {}), {name: 'A', value: '', origin: 'build-arg'});
test('--build-arg K with a variable', parses, () => parseBuildArg('A', {A: '1'}), {
  name: 'A',
  value: '1',
  origin: 'build-arg-environment',
});
test('--build-arg K without a variable', parses, () => parseBuildArg('A', {}), undefined);
test('--build-arg =V', refuses, () => parseBuildArg('=v', {}), /NAME=VALUE/);

test('--env K=V', parses, () => parseEnvOverride('A=b:c'), {stage: undefined, name: 'A', value: 'b:c'});
test('--env STAGE:K=V', parses, () => parseEnvOverride('builder:A=b'), {stage: 'builder', name: 'A', value: 'b'});
test('--env K', refuses, () => parseEnvOverride('A'), /\[STAGE:\]NAME=VALUE/);
test('--env :K=V', refuses, () => parseEnvOverride(':A=b'), /\[STAGE:\]NAME=VALUE/);

test('--output DIR', parses, () => parseOutput('out', '/w'), {type: 'local', dest: '/w/out', attributes: {}});
test('--output -', parses, () => parseOutput('-', '/w'), {type: 'tar', dest: '-', attributes: {}});
test('--output with attributes', parses, () => parseOutput('type=oci,dest=a.tar,compression=zstd', '/w'), {
  type: 'oci',
  dest: '/w/a.tar',
  attributes: {compression: 'zstd'},
});
test('--output of an unknown type', refuses, () => parseOutput('type=locale,dest=x', '/w'), /did you mean "local"/);
test('--output type=local with an empty dest', refuses, () => parseOutput('type=local,dest=', '/w'), /needs dest/);
test('--output of nothing', refuses, () => parseOutput('', '/w'), /needs dest/);
test('--output type=tar with an empty dest', parses, () => parseOutput('type=tar,dest=', '/w'), {
  type: 'tar',
  dest: undefined,
  attributes: {},
});
test('--output type=local without dest', refuses, () => parseOutput('type=local', '/w'), /needs dest/);

test('--secret with src', parses, () => parseSecret('id=a,src=f', '/w', {}), ['a', {kind: 'file', path: '/w/f'}]);
test('--secret with env', parses, () => parseSecret('id=a,env=B', '/w', {B: 'x'}), [
  'a',
  {kind: 'env', name: 'B', value: 'x'},
]);
test('--secret with its id as variable', parses, () => parseSecret('id=A', '/w', {A: 'x'}), [
  'A',
  {kind: 'env', name: 'A', value: 'x'},
]);
test('--secret with its id as file', parses, () => parseSecret('id=a', '/w', {}), ['a', {kind: 'file', path: '/w/a'}]);
test('--secret without id', refuses, () => parseSecret('src=f', '/w', {}), /needs id/);
test(
  '--secret with a missing variable',
  refuses,
  () => parseSecret('id=a,env=B', '/w', {}),
  /no variable B/,
  'SECRET_NOT_FOUND',
);
test('--secret with a misspelt option', refuses, () => parseSecret('id=a,scr=B', '/w', {}), /did you mean "src"/);

test('--ssh default', parses, () => parseSsh('default', '/w', {SSH_AUTH_SOCK: '/s'}), ['default', {socket: '/s'}]);
test('--ssh with keys', parses, () => parseSsh('k=a,b', '/w', {}), ['k', {keys: ['/w/a', '/w/b']}]);
test('--ssh without an agent', refuses, () => parseSsh('default', '/w', {}), /no agent/);

test('--build-context with a path', parses, () => parseBuildContext('a=../b', '/w/x'), [
  'a',
  {kind: 'directory', path: '/w/b'},
]);
test('--build-context with an image', parses, () => parseBuildContext('a=docker-image://d:1', '/w'), [
  'a',
  {kind: 'image', reference: 'd:1'},
]);
test('--build-context with a layout', parses, () => parseBuildContext('a=oci-layout://l/m:v1', '/w'), [
  'a',
  {kind: 'oci-layout', path: '/w/l/m', tag: 'v1', digest: undefined},
]);
test('--build-context with a URL', parses, () => parseBuildContext('a=https://h/r.git', '/w'), [
  'a',
  {kind: 'url', url: 'https://h/r.git'},
]);
test('--build-context without a name', refuses, () => parseBuildContext('=x', '/w'), /NAME=PATH/);

for (const [text, ms] of [
  ['90', 90_000],
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['250ms', 250],
] as const) {
  test(`the duration ${text}`, parses, () => parseDuration(text, '--timeout'), ms);
}
for (const text of ['', 'x', '10x', '0', '-1', '1m x', '9999999h']) {
  test(`the duration ${JSON.stringify(text)}`, refuses, () => parseDuration(text, '--timeout'), /--timeout/);
}
for (const [text, bytes] of [
  ['64m', 67_108_864],
  ['1g', 1_073_741_824],
  ['10', 10],
  ['1.5k', 1536],
  ['2GiB', 2_147_483_648],
] as const) {
  test(`the size ${text}`, parses, () => parseSize(text, '--shm-size'), bytes);
}
test('the size 1x', refuses, () => parseSize('1x', '--shm-size'), /--shm-size/);
test('the count 0', refuses, () => parseCount('0', '--jobs'), /--jobs/);
test('--ulimit', parses, () => parseUlimit('nofile=1:-1'), 'nofile=1:-1');
test('--ulimit without a number', refuses, () => parseUlimit('nofile'), /NAME=SOFT/);
test('the port 65535', parses, () => parsePort('65535', '--port'), 65_535);
test('the port 70000', refuses, () => parsePort('70000', '--port'), /from 1 to 65535/);
test('the port 0', refuses, () => parsePort('0', '--port'), /--port/);
test('the count 4', parses, () => parseCount('4', '--jobs'), 4);
test('a label with a value', parses, () => parseLabel('a=b=c'), ['a', 'b=c']);
test('a label without a value', parses, () => parseLabel('a'), ['a', '']);
test('a host with =', parses, () => parseHost('a=1.2.3.4'), 'a:1.2.3.4');
test('a host with an IPv6 address', parses, () => parseHost('a:::1'), 'a:::1');
test('a host without address', refuses, () => parseHost('a'), /NAME:IP/);
