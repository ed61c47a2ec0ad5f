import {chmodSync, existsSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {type Header, pack} from 'tar-stream';
import {unpackTar} from '../../../engine/drivers/docker/outputs/unpack.js';
import {temporaryDirectory} from '../../helpers/temporary.js';
import {writeTree} from '../../helpers/tree.js';

type Entry = Partial<Header> & {readonly name: string; readonly content?: string};
const never = new AbortController().signal;

async function* archive(...entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
  const writer = pack();
  for (const {content, ...header} of entries) writer.entry(header, content ?? '');
  writer.finalize();
  for await (const chunk of writer) yield chunk as Uint8Array;
}

test('directories, files and links are made with their modes, over what was there', async (t) => {
  const root = join(temporaryDirectory(t), 'new/out');
  const entries: Entry[] = [
    {name: './', type: 'directory', mode: 0o755},
    {name: 'd/', type: 'directory', mode: 0o500},
    {name: 'd/f', mode: 0o640, content: 'x'},
    {name: 'l', type: 'symlink', linkname: 'd/f'},
    {name: 'h', type: 'link', linkname: 'd/f'},
    {name: 'null', type: 'character-device', devmajor: 1, devminor: 3},
  ];
  for (let time = 0; time < 2; time++) {
    const {skipped} = await unpackTar(archive(...entries), root, never);
    t.deepEqual(skipped, ['null']);
    t.is(readFileSync(join(root, 'l'), 'utf8'), 'x');
    t.is(statSync(join(root, 'd')).mode & 0o777, 0o500);
    t.is(statSync(join(root, 'd/f')).mode & 0o777, 0o640);
    t.is(statSync(join(root, 'h')).ino, statSync(join(root, 'd/f')).ino);
  }
  // So that a user who is not root can remove it.
  chmodSync(join(root, 'd'), 0o700);
});

const refused = test.macro<[readonly Entry[]]>(async (t, entries) => {
  const directory = temporaryDirectory(t);
  writeTree(directory, {'outside/victim': 'untouched'});
  await t.throwsAsync(unpackTar(archive(...entries), join(directory, 'out'), never), {code: 'ARTIFACT_UNSAFE_PATH'});
  t.is(readFileSync(join(directory, 'outside/victim'), 'utf8'), 'untouched');
  t.false(existsSync(join(directory, 'outside/new')));
});

test('a path with .. is refused', refused, [{name: '../outside/new', content: 'x'}]);
test('a path below a symlink is refused', refused, [
  {name: 'l', type: 'symlink', linkname: '../outside'},
  {name: 'l/new', content: 'x'},
]);
test('a hard link to a path above is refused', refused, [{name: 'h', type: 'link', linkname: '../outside/victim'}]);
test('a hard link over a symlink is refused', refused, [
  {name: 'l', type: 'symlink', linkname: '../outside'},
  {name: 'h', type: 'link', linkname: 'l/victim'},
]);
