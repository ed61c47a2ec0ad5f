import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import test from 'ava';
import {findPrograms} from '../../scripts/bundling/programs.js';
import {available} from '../helpers/requirement.js';

test('the programs are the command line and every script that is started by its URL', (t) => {
  const {front, launched, plain} = findPrograms('dist/engine');
  t.is(front, 'cli/main.js');
  const others = ['executor.js', 'layer-maker.js', 'tree-reader.js'].map((name) => `drivers/embedded/${name}`);
  t.deepEqual(launched, ['cli/program.js', ...others]);
  t.true(plain.includes('context/helpers/worker.js'));
  for (const file of [...launched, ...plain]) t.true(existsSync(join('dist/engine', file)), file);
});

test('bundles are ASCII, for a text that is read otherwise is another text', (t) => {
  if (!available(t, existsSync('dist/bundle/cli/main.js'), 'not bundled: npm run bundle')) return;
  const files = readdirSync('dist/bundle', {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.js'));
  t.true(files.length > 4);
  for (const file of files) t.notRegex(readFileSync(join('dist/bundle', file), 'utf8'), /[^\0-\x7f]/, file);
});

test('a bundle runs without compiled code, keeps it, uses it, and makes it anew where it is damaged', (t) => {
  if (!available(t, existsSync('dist/bundle/cli/main.js'), 'not bundled: npm run bundle')) return;
  // At the same depth: it finds package.json and node_modules relative to itself.
  const bundle = resolve(mkdtempSync('dist/.bundle-test-'));
  const work = mkdtempSync(join(tmpdir(), 'bundle-test-'));
  t.teardown(() => {
    for (const path of [bundle, work]) rmSync(path, {recursive: true, force: true});
  });
  cpSync('dist/bundle', bundle, {recursive: true});
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [join(bundle, 'cli/main.js'), ...args], {encoding: 'utf8'});
  const caches = (program = '') =>
    readdirSync(join(bundle, 'cli'))
      .filter((name) => name.startsWith(program) && name.endsWith('.cache'))
      .map((name) => join(bundle, 'cli', name));
  t.is(caches().length, 2);
  for (const path of caches()) rmSync(path);

  const {version} = JSON.parse(readFileSync('package.json', 'utf8')) as {version: string};
  t.is(cli('--version').stdout, `build-image ${version}\n`);
  t.deepEqual(caches('program.'), [], '--version loads no more than it needs');
  t.is(caches('main.').length, 1);

  mkdirSync(join(work, 'context'));
  writeFileSync(join(work, 'context/Dockerfile'), 'FROM scratch AS a\nENV A=1\nFROM a\nLABEL b=c\n');
  const plan = (): string => {
    const {status, stdout, stderr} = cli('plan', '--json', join(work, 'context'));
    t.is(status, 0, stderr);
    return stdout;
  };
  const first = plan();
  const [cache = ''] = caches('program.');
  const kept = readFileSync(cache);
  t.is(plan(), first);
  t.deepEqual(readFileSync(cache), kept, 'code that fits is used, not written again');
  writeFileSync(cache, kept.subarray(0, 1000));
  t.is(plan(), first);
  t.true(readFileSync(cache).length > 1000);
});
