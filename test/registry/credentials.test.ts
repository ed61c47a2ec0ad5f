import {chmodSync, existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {createCredentials, type RegistryCredentials} from '../../engine/registry/credentials.js';
import {dockerConfigPath} from '../../engine/registry/docker-config.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';

const never = new AbortController().signal;
const base64 = (text: string) => Buffer.from(text).toString('base64');
const user: RegistryCredentials = {username: 'u', password: 'p:w'};

interface Setup {
  readonly config?: unknown;
  readonly helpers?: Readonly<Record<string, string>>;
}

function credentials(t: ExecutionContext, {config, helpers = {}}: Setup) {
  const directory = temporaryDirectory(t);
  if (config !== undefined) {
    writeTree(directory, {'config.json': typeof config === 'string' ? config : JSON.stringify(config)});
  }
  for (const [name, script] of Object.entries(helpers)) {
    writeTree(directory, {[`bin/docker-credential-${name}`]: `#!/bin/sh\n${script}\n`});
    chmodSync(join(directory, `bin/docker-credential-${name}`), 0o755);
  }
  const environment = new Map([
    ['PATH', `${directory}/bin:/usr/bin:/bin`],
    ['OUT', directory],
  ]);
  const ask = createCredentials({configPath: join(directory, 'config.json'), environment});
  return {ask: (host: string, signal = never) => ask(host, signal), directory};
}

const finds = test.macro({
  async exec(t, config: unknown, host: string, expected: RegistryCredentials | undefined) {
    t.deepEqual(await credentials(t, {config}).ask(host), expected);
  },
  title: (name = '') => name,
});
const auths = (key: string) => ({auths: {[key]: {auth: base64('u:p:w')}}});
test('no file: no credentials', finds, undefined, 'r.example', undefined);
test('an empty file: no credentials', finds, '', 'r.example', undefined);
test('a host has what is stored for it', finds, auths('r.example'), 'r.example', user);
test('a port is a part of the host', finds, auths('r.example:5000'), 'r.example:5000', user);
test('another port has nothing', finds, auths('r.example:5000'), 'r.example', undefined);
test('a subdomain has nothing', finds, auths('r.example'), 'a.r.example', undefined);
test('a longer name has nothing', finds, auths('r.example'), 'r.example.org', undefined);
test('the case of a host does not matter', finds, auths('R.Example'), 'r.example', user);
test('a key may be a URL', finds, auths('https://r.example/v2/'), 'r.example', user);
test("Docker Hub's key is its URL", finds, auths('https://index.docker.io/v1/'), 'index.docker.io', user);
test("Docker Hub's other names", finds, auths('docker.io'), 'registry-1.docker.io', user);
test('Docker Hub is asked by its short name', finds, auths('https://index.docker.io/v1/'), 'docker.io', user);
test('Docker Hub gives nothing to others', finds, auths('https://index.docker.io/v1/'), 'r.example', undefined);
test('an empty entry is none', finds, {auths: {'r.example': {}}}, 'r.example', undefined);
test('null sections are empty', finds, {auths: null, credHelpers: null, credsStore: null}, 'r.example', undefined);
test('a byte order mark is passed over', finds, `\uFEFF${JSON.stringify(auths('r.example'))}`, 'r.example', user);
test(
  'username and password stand for auth',
  finds,
  {auths: {'r.example': {username: 'u', password: 'p:w'}}},
  'r.example',
  user,
);
test(
  'an identity token is kept',
  finds,
  {auths: {'r.example': {auth: base64('u:'), identitytoken: 'tok'}}},
  'r.example',
  {username: 'u', password: '', identityToken: 'tok'},
);
test(
  'the exact key wins over a URL of the same host',
  finds,
  {auths: {'https://r.example/v1/': {auth: base64('a:b')}, 'r.example': {auth: base64('u:p:w')}}},
  'r.example',
  user,
);
test('a password of any letters', finds, {auths: {h: {auth: base64('ü:pä$ß')}}}, 'h', {
  username: 'ü',
  password: 'pä$ß',
});

const refuses = test.macro({
  async exec(t, config: unknown, about: RegExp) {
    const {ask, directory} = credentials(t, {config});
    const error = await t.throwsAsync(ask('r.example'), {instanceOf: BuildError});
    t.is(error.code, 'CREDENTIALS_INVALID');
    t.is(error.details.file, join(directory, 'config.json'));
    t.regex(error.message, about);
    t.notRegex(`${formatError(error)} ${String(error.cause)} ${error.stack ?? ''}`, /hunter2|aHVudGVyMg/);
  },
  title: (name = '') => name,
});
test('broken JSON is refused without quoting it', refuses, '{"auths": {"r.example": {"auth": "hunter2"', /JSON/);
test('a list is refused', refuses, '[]', /object/);
test('auths must be an object', refuses, {auths: 'hunter2'}, /"auths"/);
test('auth must be base64', refuses, {auths: {'r.example': {auth: 'hunter2!!'}}}, /auths\["r\.example"\]\.auth/);
test('auth must hold a colon', refuses, {auths: {'r.example': {auth: base64('hunter2')}}}, /username:password/);
test('auth must be a string', refuses, {auths: {'r.example': {auth: 42}}}, /not a string/);
test('a helper is a name, not a path', refuses, {credsStore: '../../tmp/evil'}, /credsStore/);
test('a helper is a string', refuses, {credHelpers: {'r.example': 1}}, /credHelpers/);

const answer = (username: string, secret: string) =>
  `echo '${JSON.stringify({ServerURL: 'x', Username: username, Secret: secret})}'`;

test('a helper is asked with the host on its standard input and `get` as its argument', async (t) => {
  const script = `cat > "$OUT/asked"; echo "$@" > "$OUT/argv"; ${answer('u', 'p:w')}`;
  const {ask, directory} = credentials(t, {config: {credHelpers: {'r.example': 'one'}}, helpers: {one: script}});
  t.deepEqual(await ask('r.example'), user);
  t.is(readFileSync(join(directory, 'asked'), 'utf8'), 'r.example');
  t.is(readFileSync(join(directory, 'argv'), 'utf8'), 'get\n');
});

test('a helper of one host is not asked for another', async (t) => {
  const config = {credHelpers: {'r.example': 'one'}};
  const {ask, directory} = credentials(t, {config, helpers: {one: `touch "$OUT/asked"; ${answer('u', 'p')}`}});
  t.is(await ask('other.example'), undefined);
  t.false(existsSync(join(directory, 'asked')));
});

test('the helper of a host goes before the store, the store before what the file holds', async (t) => {
  const config = {credHelpers: {a: 'one'}, credsStore: 'two', auths: {b: {auth: base64('file:f')}}};
  const {ask} = credentials(t, {config, helpers: {one: answer('one', '1'), two: answer('two', '2')}});
  t.is((await ask('a'))?.username, 'one');
  t.is((await ask('b'))?.username, 'two');
});

test('a store that does not know the host leaves it to the file', async (t) => {
  const config = {credsStore: 'two', auths: {b: {auth: base64('file:f')}}};
  const {ask} = credentials(t, {config, helpers: {two: 'echo credentials not found in native keychain; exit 1'}});
  t.is((await ask('b'))?.username, 'file');
  t.is(await ask('c'), undefined);
});

test('a store is asked for Docker Hub by its URL', async (t) => {
  const {ask, directory} = credentials(t, {
    config: {credsStore: 'two'},
    helpers: {two: `cat > "$OUT/asked"; ${answer('u', 'p')}`},
  });
  await ask('docker.io');
  t.is(readFileSync(join(directory, 'asked'), 'utf8'), 'https://index.docker.io/v1/');
});

test('the user name <token> marks an identity token', async (t) => {
  const {ask} = credentials(t, {config: {credsStore: 'two'}, helpers: {two: answer('<token>', 'tok')}});
  t.deepEqual(await ask('h'), {username: '', password: '', identityToken: 'tok'});
});

test('a failing helper is named, and what it printed is not', async (t) => {
  const {ask} = credentials(t, {config: {credsStore: 'two'}, helpers: {two: 'echo hunter2; echo hunter2 >&2; exit 3'}});
  const error = await t.throwsAsync(ask('h'), {instanceOf: BuildError, code: 'CREDENTIALS_INVALID'});
  t.regex(error.message, /docker-credential-two: failed with status 3/);
  t.notRegex(formatError(error) + String(error.cause), /hunter2/);
});

test('an answer that is not JSON is refused without quoting it', async (t) => {
  const {ask} = credentials(t, {config: {credsStore: 'two'}, helpers: {two: 'echo hunter2'}});
  const error = await t.throwsAsync(ask('h'), {instanceOf: BuildError, code: 'CREDENTIALS_INVALID'});
  t.notRegex(formatError(error) + String(error.cause), /hunter2/);
});

test('a helper that is not installed is said', async (t) => {
  const {ask} = credentials(t, {config: {credsStore: 'absent'}});
  await t.throwsAsync(ask('h'), {code: 'TOOL_MISSING', message: /docker-credential-absent/});
});

test('a helper that prints without end is stopped', async (t) => {
  const {ask} = credentials(t, {config: {credsStore: 'two'}, helpers: {two: 'exec cat /dev/zero'}});
  await t.throwsAsync(ask('h'), {code: 'CREDENTIALS_INVALID', message: /more than/});
});

test('an abort kills a helper and its children', async (t) => {
  const script = 'sleep 61 & echo $! > "$OUT/pid"; wait';
  const {ask, directory} = credentials(t, {config: {credsStore: 'two'}, helpers: {two: script}});
  const controller = new AbortController();
  const reason = new Error('enough');
  const asked = ask('h', controller.signal);
  while (!existsSync(join(directory, 'pid')) || readFileSync(join(directory, 'pid'), 'utf8') === '') {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  controller.abort(reason);
  t.is(await t.throwsAsync(asked), reason);
  const status = `/proc/${readFileSync(join(directory, 'pid'), 'utf8').trim()}/stat`;
  // Gone, or a zombie that waits for its reaper; left alone it would sleep for a minute.
  const alive = () => existsSync(status) && !readFileSync(status, 'utf8').includes(' Z ');
  for (let tries = 0; alive() && tries < 250; tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  t.false(alive());
});

test('DOCKER_CONFIG is the directory of the configuration, else ~/.docker', (t) => {
  t.is(dockerConfigPath(new Map(), '/home/u'), '/home/u/.docker/config.json');
  t.is(dockerConfigPath(new Map([['DOCKER_CONFIG', '']]), '/home/u'), '/home/u/.docker/config.json');
  t.is(dockerConfigPath(new Map([['DOCKER_CONFIG', '/c']]), '/home/u'), '/c/config.json');
});
