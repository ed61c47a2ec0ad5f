import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import test from 'ava';
import {loadKoffi} from '../../engine/base/koffi.js';

const require = createRequire(import.meta.url);

test('the native module is loaded without its own entry, and is of the version that is installed', (t) => {
  const koffi = loadKoffi() as {version: string; load(name: string): object};
  const manifest = readFileSync(join(dirname(require.resolve('koffi')), 'package.json'), 'utf8');
  t.is(koffi.version, (JSON.parse(manifest) as {version: string}).version);
  t.truthy(koffi.load('libc.so.6'));
  t.deepEqual(
    Object.keys(require.cache).filter((path) => path.includes('koffi')),
    [],
  );
});
