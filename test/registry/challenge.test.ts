import test from 'ava';
import fc from 'fast-check';
import {parseChallenges} from '../../engine/registry/challenge.js';
import {isLoopback} from '../../engine/base/loopback.js';
import {endpointsOf} from '../../engine/registry/endpoint.js';

const parses = test.macro({
  exec(t, header: string | string[], expected: readonly (readonly [string, Readonly<Record<string, string>>])[]) {
    const found = parseChallenges(header).map(({scheme, parameters}) => [scheme, Object.fromEntries(parameters)]);
    t.deepEqual(found, expected as unknown as typeof found);
  },
  title: (_, header) => `the challenge ${JSON.stringify(header)}`,
});
const realm = {realm: 'https://auth.example/token'};
test(parses, 'Basic realm="x"', [['basic', {realm: 'x'}]]);
test(parses, 'BEARER Realm="https://auth.example/token"', [['bearer', realm]]);
test(parses, 'Bearer realm="https://auth.example/token",service="a b",scope="repository:a:pull,push"', [
  ['bearer', {...realm, service: 'a b', scope: 'repository:a:pull,push'}],
]);
test(parses, 'Bearer realm = https , error="x\\"y"', [['bearer', {realm: 'https', error: 'x"y'}]]);
test(parses, 'Negotiate, Basic realm="x", Bearer a=b', [
  ['negotiate', {}],
  ['basic', {realm: 'x'}],
  ['bearer', {a: 'b'}],
]);
test(parses, 'Negotiate dG9rZW4=, Basic realm="x"', [
  ['negotiate', {}],
  ['basic', {realm: 'x'}],
]);
test(
  parses,
  ['Basic realm="x"', 'Bearer a=b'],
  [
    ['basic', {realm: 'x'}],
    ['bearer', {a: 'b'}],
  ],
);
test(parses, 'Bearer realm="open', [['bearer', {}]]);
test(parses, '', []);
test(parses, ', ,', []);

test('any text is read without an error, in time', (t) => {
  fc.assert(
    fc.property(fc.string({maxLength: 300, unit: 'binary-ascii'}), (text) => {
      parseChallenges(text);
      parseChallenges(`Bearer ${text}`);
    }),
  );
  const start = Date.now();
  parseChallenges('Bearer a=' + '"\\'.repeat(100_000));
  t.true(Date.now() - start < 500);
});

const bases = (domain: string, options: Parameters<typeof endpointsOf>[1] = {}) =>
  endpointsOf(domain, options).map(({base, host, insecure}) => `${base} ${host} ${insecure ? 'insecure' : 'verified'}`);

test("Docker Hub's registry has another name than its credentials", (t) => {
  t.deepEqual(bases('docker.io'), ['https://registry-1.docker.io index.docker.io verified']);
});

test('TLS is left out on loopback and for hosts that are named only', (t) => {
  t.deepEqual(bases('r.example:5000'), ['https://r.example:5000 r.example:5000 verified']);
  t.deepEqual(bases('r.example:5000', {insecure: ['r.example']}), ['https://r.example:5000 r.example:5000 verified']);
  t.deepEqual(bases('R.example:5000', {insecure: ['r.example:5000']}), [
    'https://R.example:5000 R.example:5000 insecure',
    'http://R.example:5000 R.example:5000 insecure',
  ]);
  t.is(bases('localhost:5000')[0], 'http://localhost:5000 localhost:5000 insecure');
});

test('mirrors come first, each under its own name', (t) => {
  const mirrors = new Map([['docker.io', ['https://m.example/cache/', 'plain.example:81', 'http://127.0.0.1:5000']]]);
  t.deepEqual(bases('docker.io', {mirrors}), [
    'https://m.example/cache m.example verified',
    'https://plain.example:81 plain.example:81 verified',
    'http://127.0.0.1:5000 127.0.0.1:5000 insecure',
    'https://registry-1.docker.io index.docker.io verified',
  ]);
  t.deepEqual(bases('ghcr.io', {mirrors}), ['https://ghcr.io ghcr.io verified']);
});

for (const [host, expected] of [
  ['localhost', true],
  ['LOCALHOST:1', true],
  ['127.0.0.1:5000', true],
  ['127.9.9.9', true],
  ['[::1]:5000', true],
  ['127.0.0.1.example', false],
  ['localhost.example', false],
  ['10.0.0.1', false],
] as const) {
  test(`${host} is ${expected ? '' : 'not '}loopback`, (t) => t.is(isLoopback(host), expected));
}
