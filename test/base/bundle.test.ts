import {execFileSync} from 'node:child_process';
import {cpSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import test from 'ava';

/** A copy of what was compiled, with a bundle of its own: other tests run without one. */
function compiledCopy(): string {
  const root = mkdtempSync(join(tmpdir(), 'build-image-bundle-test-'));
  cpSync('dist/engine', join(root, 'dist/engine'), {recursive: true});
  cpSync('dist/scripts', join(root, 'dist/scripts'), {recursive: true});
  cpSync('package.json', join(root, 'package.json'));
  rmSync(join(root, 'dist/engine/bundle.cjs'), {force: true});
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
  execFileSync(process.execPath, [join(root, 'dist/scripts/bundle.js')]);
  return root;
}

const run = (root: string, ...args: readonly string[]): string =>
  execFileSync(process.execPath, [join(root, 'dist/engine/cli/main.js'), ...args], {encoding: 'utf8'});

test('the bundle answers as the modules do, and one that is older than the compilation is left alone', (t) => {
  const root = compiledCopy();
  t.teardown(() => rmSync(root, {recursive: true, force: true}));
  const context = join(root, 'context');
  cpSync('dist/engine/base', context, {recursive: true});
  writeFileSync(join(context, 'Dockerfile'), 'FROM scratch AS a\nCOPY . /x\nFROM a\nLABEL é="ü → 😀"\n');
  const args = ['plan', context, '--json', '--root', join(root, 'store')];
  const fromModules = run('.', ...args);
  t.is(run(root, ...args), fromModules);
  t.is(run(root, 'build', '--help'), run('.', 'build', '--help'));
  const bundle = join(root, 'dist/engine/bundle.cjs');
  writeFileSync(bundle, 'throw new Error("it was loaded")');
  t.throws(() => run(root, ...args), {message: /it was loaded/});
  writeFileSync(join(root, 'dist/.tsbuildinfo'), '');
  utimesSync(bundle, 1, 1);
  t.is(run(root, ...args), fromModules);
});
