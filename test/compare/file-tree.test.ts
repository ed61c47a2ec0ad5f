import test from 'ava';
import {FileTree} from '../../engine/compare/file-tree.js';
import {listLayer} from '../../engine/compare/layer-listing.js';
import {pack} from 'tar-stream';

type Entry = readonly [
  name: string,
  content: string,
  more?: {readonly type?: 'directory' | 'symlink' | 'link'; readonly mode?: number},
];

async function layer(...entries: readonly Entry[]) {
  const archive = pack();
  for (const [name, content, more = {}] of entries) {
    const {type, mode = 0o644} = more;
    if (type === 'symlink' || type === 'link') archive.entry({name, type, linkname: content, mode});
    else if (type === 'directory') archive.entry({name, type, mode});
    else archive.entry({name, mode}, content);
  }
  archive.finalize();
  return listLayer(archive as AsyncIterable<Uint8Array>, new AbortController().signal);
}

async function paths(...layers: readonly (readonly Entry[])[]): Promise<readonly string[]> {
  const tree = new FileTree();
  for (const [index, entries] of layers.entries()) tree.apply(await layer(...entries), index);
  return [...tree.files()].map(({path, layer: from}) => `${path} ${from}`);
}

const directory = {type: 'directory', mode: 0o755} as const;

test('layers are put together as image-spec has it: whiteouts, opaque directories, what replaces what', async (t) => {
  const below: readonly Entry[] = [
    ['etc/', '', directory],
    ['etc/a', '1'],
    ['etc/b', '2'],
    ['opt/', '', directory],
    ['opt/x', '3'],
  ];
  t.deepEqual(await paths(below, [['etc/.wh.a', '']]), ['etc 0', 'etc/b 0', 'opt 0', 'opt/x 0']);
  t.deepEqual(
    await paths(below, [
      ['etc/c', '9'],
      ['etc/.wh..wh..opq', ''],
    ]),
    ['etc 0', 'etc/c 1', 'opt 0', 'opt/x 0'],
  );
  t.deepEqual(await paths(below, [['etc', 'a file']]), ['etc 1', 'opt 0', 'opt/x 0']);
  t.deepEqual(
    await paths(below, [
      ['.wh.etc', ''],
      ['etc/', '', directory],
      ['etc/new', ''],
    ]),
    ['etc 1', 'etc/new 1', 'opt 0', 'opt/x 0'],
  );
  t.deepEqual(await paths(below, [['etc/', '', {...directory, mode: 0o700}]]), [
    'etc 1',
    'etc/a 0',
    'etc/b 0',
    'opt 0',
    'opt/x 0',
  ]);
});

test('a hard link has the content of the file it names; a path goes through links of directories', async (t) => {
  const tree = new FileTree();
  tree.apply(
    await layer(
      ['usr/bin/', '', directory],
      ['bin', 'usr/bin', {type: 'symlink'}],
      ['usr/bin/sh', 'x'],
      ['usr/bin/dash', 'usr/bin/sh', {type: 'link'}],
    ),
    0,
  );
  t.is(tree.get('usr/bin/dash')?.sha256, tree.get('usr/bin/sh')?.sha256);
  t.is(tree.get('bin/sh')?.path, 'usr/bin/sh');
  t.is(tree.real('bin/ls'), 'usr/bin/ls');
});
