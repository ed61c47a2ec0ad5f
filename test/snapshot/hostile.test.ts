import {lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import type {ExecutionContext} from 'ava';
import type {BuildError} from '../../engine/base/errors.js';
import {syscalls} from '../../engine/base/syscalls.js';
import {applyLayer} from '../../engine/snapshot/apply.js';
import {archive, type Piece} from '../helpers/archive.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const signal = new AbortController().signal;

interface Place {
  /** Beside the layer: a directory with one file that no layer may touch. */
  readonly host: string;
  readonly layer: string;
  readonly below: string;
}

function place(t: ExecutionContext): Place {
  const directory = temporaryDirectory(t);
  const [host, layer, below] = ['host', 'layer', 'below'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [host, layer, below]) mkdirSync(path);
  writeFileSync(join(host, 'secret'), 'untouched');
  writeFileSync(join(below, 'file'), 'below');
  mkdirSync(join(below, 'dir'));
  writeFileSync(join(below, 'dir/inner'), 'below');
  symlinkSync(host, join(below, 'out'));
  return {host, layer, below};
}

function untouched(t: ExecutionContext, {host, below}: Place): void {
  t.deepEqual(readdirSync(host), ['secret']);
  t.is(readFileSync(join(host, 'secret'), 'utf8'), 'untouched');
  const {mode, uid, nlink} = lstatSync(join(host, 'secret'));
  t.deepEqual({mode: mode & 0o7777, uid, nlink}, {mode: 0o644, uid: 0, nlink: 1});
  t.deepEqual(syscalls().listXattrs(join(host, 'secret')), []);
  t.is(readFileSync(join(below, 'file'), 'utf8'), 'below');
  t.deepEqual(readdirSync(below).sort(), ['dir', 'file', 'out']);
}

/** `outcome`: the paths of the layer, or the code of the error; `contained` where only the host counts. */
function attack(
  title: string,
  pieces: (at: Place) => readonly Piece[] | Buffer,
  outcome: readonly string[] | string,
): void {
  asRoot(`attack: ${title}`, async (t) => {
    const at = place(t);
    const made = pieces(at);
    const bytes = Buffer.isBuffer(made) ? made : archive(...made);
    const options = {directory: at.layer, lowers: [at.below], bytes: 2 ** 30, entries: 1000};
    const result = await applyLayer([bytes], options, signal).then(
      () => paths(at.layer).sort(),
      (error: unknown) => (error as BuildError).code,
    );
    untouched(t, at);
    if (outcome !== 'contained') t.deepEqual(result, typeof outcome === 'string' ? outcome : [...outcome].sort());
  });
}

const evil = {content: 'evil'};
const invalid = 'ARCHIVE_INVALID';
const up = '../'.repeat(20);

attack('dot-dot in a name', () => [{name: '../host/secret', ...evil}], ['host', 'host/secret']);
attack(
  'many dot-dots and a path of the host in a name',
  ({host}) => [{name: `${up}${host.slice(1)}/secret`, ...evil}],
  'contained',
);
attack('dot-dot in the middle of a name', () => [{name: 'dir/../../host/x', ...evil}], ['host', 'host/x']);
attack('dot-dot as the last component', () => [{name: 'dir/..', ...evil}], []);
attack('an absolute name', () => [{name: '/secret', ...evil}], ['secret']);
attack(
  'a file through an absolute symlink of the layer',
  () => [
    {name: 'l', type: 'symlink', link: '/'},
    {name: 'l/x', ...evil},
  ],
  ['l', 'x'],
);
attack(
  'a file through a relative symlink that climbs out',
  () => [
    {name: 'l', type: 'symlink', link: '../host'},
    {name: 'l/x', ...evil},
  ],
  ['l', 'host', 'host/x'],
);
attack(
  'a file through a chain of symlinks',
  () => [
    {name: 'a', type: 'symlink', link: '..'},
    {name: 'b', type: 'symlink', link: 'a/host'},
    {name: 'b/x', ...evil},
  ],
  ['a', 'b', 'host', 'host/x'],
);
attack(
  'a symlink replaced by a directory and back between entries',
  () => [
    {name: 'd/'},
    {name: 'd/x', ...evil},
    {name: 'd', type: 'symlink', link: '../../../host'},
    {name: 'd/secret', ...evil},
  ],
  ['d', 'host', 'host/secret'],
);
attack(
  'a symlink in the place of a file that is then written',
  ({host}) => [
    {name: 's', type: 'symlink', link: `${host}/secret`},
    {name: 's', ...evil},
  ],
  ['s'],
);
attack(
  'a loop of symlinks on the way',
  () => [
    {name: 'a', type: 'symlink', link: 'b'},
    {name: 'b', type: 'symlink', link: 'a'},
    {name: 'a/x', ...evil},
  ],
  invalid,
);
attack(
  'a symlink to itself with a tail that grows',
  () => [
    {name: 'a', type: 'symlink', link: 'a/a/a/a/a/a'},
    {name: 'a/x', ...evil},
  ],
  invalid,
);
attack(
  'a hard link to a file outside by dot-dot',
  () => [{name: 'h', type: 'hardlink', link: '../../host/secret'}],
  invalid,
);
attack(
  'a hard link to an absolute path of the host',
  ({host}) => [{name: 'h', type: 'hardlink', link: `${host}/secret`}],
  invalid,
);
attack(
  'a hard link through a symlink out of the layer',
  ({host}) => [
    {name: 'l', type: 'symlink', link: host},
    {name: 'h', type: 'hardlink', link: 'l/secret'},
  ],
  invalid,
);
attack(
  'a hard link to a symlink that is then written through',
  ({host}) => [
    {name: 'l', type: 'symlink', link: `${host}/secret`},
    {name: 'h', type: 'hardlink', link: 'l'},
    {name: 'h', ...evil},
  ],
  ['h', 'l'],
);
attack('a hard link to a directory', () => [{name: 'd/'}, {name: 'h', type: 'hardlink', link: 'd'}], invalid);
attack('a hard link to the root', () => [{name: 'h', type: 'hardlink', link: '/'}], invalid);
attack(
  'a hard link into the layer below',
  () => [
    {name: 'h', type: 'hardlink', link: 'file'},
    {name: 'h', ...evil},
  ],
  ['file', 'h'],
);
attack('a whiteout with dot-dot', () => [{name: '../host/.wh.secret'}], ['host']);
attack('a whiteout of dot-dot itself', () => [{name: 'dir/.wh...'}], invalid);
attack('a whiteout of dot', () => [{name: 'dir/.wh..'}], invalid);
attack('a whiteout of nothing', () => [{name: '.wh.'}], invalid);
attack('a whiteout through a symlink of the layer below', () => [{name: 'out/.wh.secret'}], 'contained');
attack(
  'an opaque marker through a symlink of the layer',
  ({host}) => [{name: 'l', type: 'symlink', link: host}, {name: 'l/.wh..wh..opq'}],
  'contained',
);
attack('a directory that is named as a whiteout', () => [{name: '.wh.d/x', ...evil}], invalid);
attack(
  'a file in a file',
  () => [
    {name: 'f', ...evil},
    {name: 'f/x', ...evil},
  ],
  invalid,
);
attack(
  'a redirect of the overlay to another directory',
  () => [{name: 'd/', xattrs: new Map([['trusted.overlay.redirect', Buffer.from('/host')]])}],
  invalid,
);
attack(
  'a metacopy mark of the overlay',
  () => [{name: 'f', xattrs: new Map([['trusted.overlay.metacopy', Buffer.alloc(0)]])}],
  invalid,
);
attack(
  'a redirect for the overlay of a user namespace',
  () => [{name: 'd/', xattrs: new Map([['user.overlay.redirect', Buffer.from('/host')]])}],
  invalid,
);
attack(
  'an attribute on a symlink that points outside',
  ({host}) => [
    {name: 's', type: 'symlink', link: `${host}/secret`, xattrs: new Map([['user.evil', Buffer.from('x')]])},
  ],
  ['s'],
);
attack(
  'owner and mode on a symlink that points outside',
  ({host}) => [{name: 's', type: 'symlink', link: `${host}/secret`, mode: 0o6777, uid: 7}],
  ['s'],
);
attack('a name of 300 characters', () => [{name: 'n'.repeat(300)}], invalid);
attack('a path of 5,000 directories', () => [{name: `${'d/'.repeat(5000)}x`}], invalid);
attack('a bomb of 2,000 entries', () => Array.from({length: 2000}, (_, n) => ({name: `f${n}`})), invalid);
attack('a sparse file of a terabyte', () => sparseBomb(), invalid);
attack('a header that announces a gigabyte of pax', () => paxBomb(), invalid);
attack('a file that is cut off', () => archive({name: 'f', content: 'x'.repeat(2000)}).subarray(0, 1500), invalid);
attack('random bytes', () => Buffer.alloc(4096, 0x5a), invalid);

/** Every path below; symlinks are not followed. */
function paths(directory: string, prefix = ''): string[] {
  return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    return entry.isDirectory() ? [path, ...paths(join(directory, entry.name), `${path}/`)] : [path];
  });
}

function checksummed(block: Buffer): Buffer {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function sparseBomb(): Buffer {
  const block = archive({name: 'f'}).subarray(0, 512);
  block.write('S', 156);
  block.write('ustar  \0', 257, 'latin1');
  block.write((2 ** 40).toString(8).padStart(11, '0'), 483, 'latin1');
  return Buffer.concat([checksummed(block), Buffer.alloc(1024)]);
}

function paxBomb(): Buffer {
  const block = archive({name: 'f'}).subarray(0, 512);
  block.write('x', 156);
  block.write('07777777777', 124, 'latin1');
  return Buffer.concat([checksummed(block), Buffer.alloc(1024)]);
}
