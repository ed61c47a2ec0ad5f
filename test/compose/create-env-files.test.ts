import {execFileSync} from 'node:child_process';
import {chmodSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {BuildError} from '../../engine/base/errors.js';
import {formatError} from '../../engine/base/format-error.js';
import {createMissingEnvFiles} from '../../engine/compose/create-env-files.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {writeTree} from '../helpers/tree.js';
import {load, never, web} from './loading.js';

const portal = web('build: .\nenv_file:\n  - ${PORTAL_ENV_FILE:-portal.env}');

test('a missing env_file is created from its default with its mode, once, and never overwritten', async (t) => {
  const {build, directory} = load(t, {'compose.yaml': portal, 'portal.env.default': {mode: 0o640, content: 'A=1\n'}});
  const found = await build();
  t.deepEqual(found?.missingEnvFiles, [
    {path: join(directory, 'portal.env'), from: join(directory, 'portal.env.default')},
  ]);
  if (found === undefined) return;
  const [first, second] = await Promise.all([createMissingEnvFiles(found, never), createMissingEnvFiles(found, never)]);
  t.is(first.length + second.length, 1);
  t.is(readFileSync(join(directory, 'portal.env'), 'utf8'), 'A=1\n');
  t.is(statSync(join(directory, 'portal.env')).mode & 0o777, 0o640);
  writeFileSync(join(directory, 'portal.env'), 'mine');
  t.deepEqual(await createMissingEnvFiles(found, never), []);
  t.is(readFileSync(join(directory, 'portal.env'), 'utf8'), 'mine');
  t.deepEqual(readdirSync(directory).sort(), ['compose.yaml', 'portal.env', 'portal.env.default']);
  t.deepEqual((await build())?.missingEnvFiles, []);
});

asRoot('an ordinary user gets a file also from a default that may only be read', (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o777);
  writeTree(directory, {'portal.env.default': {mode: 0o444, content: 'A=1\n'}});
  const [path, from] = [join(directory, 'portal.env'), join(directory, 'portal.env.default')];
  const program = `
    const {createMissingEnvFiles} = await import('${process.cwd()}/dist/engine/compose/create-env-files.js');
    await createMissingEnvFiles(${JSON.stringify({missingEnvFiles: [{path, from}]})}, new AbortController().signal);`;
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  execFileSync('setpriv', [...user, process.execPath, '--input-type=module', '-e', program], {cwd: '/'});
  t.is(readFileSync(path, 'utf8'), 'A=1\n');
  t.is(statSync(path).mode & 0o777, 0o444);
});

test("a file that PORTAL_ENV_FILE names is created from the project's one default", async (t) => {
  const tree = {'compose.yaml': portal, 'portal.env.default': 'A=1\n'};
  const {build, directory} = load(t, tree, {PORTAL_ENV_FILE: 'mine.env'});
  const found = await build();
  t.deepEqual(found?.missingEnvFiles, [
    {path: join(directory, 'mine.env'), from: join(directory, 'portal.env.default')},
  ]);
  const {build: other} = load(t, {...tree, 'b.env.default': ''}, {PORTAL_ENV_FILE: 'mine.env'});
  t.deepEqual((await other())?.missingEnvFiles, []);
});

test('a default that cannot be read is said with what to do', async (t) => {
  const directory = temporaryDirectory(t);
  const missing = {path: join(directory, 'a.env'), from: join(directory, 'gone.default')};
  const error = await t.throwsAsync(createMissingEnvFiles({missingEnvFiles: [missing]}, never), {
    instanceOf: BuildError,
  });
  t.is(error.code, 'IO');
  t.regex(formatError(error), /Copy .*gone\.default/);
  t.deepEqual(readdirSync(directory), []);
});
