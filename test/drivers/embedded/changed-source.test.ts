import {lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {byteString} from '../../../engine/drivers/embedded/files/byte-path.js';
import {resolve} from '../../../engine/drivers/embedded/files/resolve.js';

const becomes: Readonly<Record<string, (path: string) => void>> = {
  'a directory': (path) => mkdirSync(path),
  'a file': (path) => writeFileSync(path, ''),
  nothing: () => undefined,
};

for (const [kind, make] of Object.entries(becomes)) {
  test(`a link of the context that becomes ${kind} between its listing and its reading is a changed context, no internal error`, (t) => {
    const root = mkdtempSync(join(tmpdir(), 'build-image-test-'));
    t.teardown(() => rmSync(root, {recursive: true, force: true}));
    const path = join(root, 'd');
    symlinkSync('elsewhere', path);
    const stats = {
      root: lstatSync(root, {bigint: true}),
      d: lstatSync(path, {bigint: true}),
    };
    rmSync(path);
    make(path);
    const tree = {root: byteString(root), lookup: (at: string) => (at === '' ? stats.root : stats.d)};
    t.throws(() => resolve(tree, 'd'), {code: 'CONTEXT_CHANGED', message: /^"d" .* while the build context was read$/});
  });
}
