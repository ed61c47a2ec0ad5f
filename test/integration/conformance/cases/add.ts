import type {ConformanceCase, Node, TarMember, Tree} from '../case.js';

const one = (name: string, instructions: string, context: Tree, says?: RegExp): ConformanceCase => ({
  name,
  dockerfile: `FROM scratch\n${instructions}\n`,
  context,
  ...(says !== undefined && {says}),
});

const tar = (...members: readonly TarMember[]): Node => ({tar: members});
const plain: readonly TarMember[] = [
  {name: 'd/', type: 'directory', mode: 0o750, uid: 1, gid: 2, mtime: 1_400_000_000},
  {name: 'd/f', content: 'f\n', mode: 0o640, uid: 3, gid: 4, mtime: 1_500_000_000},
  {name: 'top', content: 'top\n', mode: 0o4755},
];
const archive: Tree = {
  'a.tar': {tar: plain},
  'a.tgz': {tar: plain, gzip: true},
  'b.txt': 'b\n',
  'd/inner.tar': {tar: plain},
};
/** A directory with one file, by GNU tar and the usual compressors. */
const bzip2 =
  'QlpoOTFBWSZTWRsasO4AAKJ7kNmQACBAAP+EAANvCF4ABAAACCAAchKSaAMgAGmmnqCSmhT1PKNNqPUPRqDI/UMcqvkRSApJISM8/hLjUmRIHSzEwSHCMMnDHazCUBhgF5vAVxwUInceVLvGGgUYA16Oxmey3essaxgkZEIwWXkm0iiijhED8XckU4UJAbGrDuA=';
const xz =
  '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AIVdADILvBunjDRE4cIHddsy5w1GjoIIyJnXv5dngyB0Gc3Qg6wjCNQlfwpdzMOnG0gijVy/SmlxZCAevTLZoxHWSaPDCHTvMWBPRC7ST6O55JkzgLfZ8LWc883Yf8pFsCKtxcGmLsK76GYOOszo4RlJP8WCJkl5m1TOxYnTq6wB2bDUgPkAPgAAAAAAvPk4R9Y6q/MAAaEBgFAAAK2nkK2xxGf7AgAAAAAEWVo=';
const zstd =
  'KLUv/WQAJ80CAEIEDRCg7Zw2K1bVqFZLpKwCkBgpBkkxdNqDh5o9MUuk+7c78EW7BKsh+/snq9eRI31r3qXsLVIPIKDdM/UDz8HUgtwKhxiQDgmFAsNlCf1msz3lbRVgPl03aB0A/w==';
const gzipOfText = 'H4sIAAAAAAACAyvISczMUyhJrSjhAgAiNin3CwAAAA==';

const base: Tree = {
  'base/d/kept': {content: 'kept\n', mode: 0o600, mtime: 1_450_000_000},
  'base/d': {directory: true, mode: 0o700, mtime: 1_450_000_000},
  'base/file': 'file\n',
  'base/link': {link: 'd'},
  'base/top': {directory: true, mtime: 1_450_000_000},
  'base/top/inside': 'inside\n',
};
const onBase = (name: string, instruction: string, more: Tree, says?: RegExp) =>
  one(name, `COPY base/ /\n${instruction}`, {...base, ...more}, says);

const archives: readonly ConformanceCase[] = [
  one('an archive into the root', 'ADD a.tar /', archive),
  one('an archive into a new directory', 'ADD a.tar /x/y/', archive),
  one('an archive without a final slash', 'ADD a.tar /x', archive),
  one('a gzip archive', 'ADD a.tgz /x', archive),
  one('a bzip2 archive', 'ADD a.bin /x', {'a.bin': {base64: bzip2}}),
  one('an xz archive', 'ADD a.bin /x', {'a.bin': {base64: xz}}),
  one('a zstd archive', 'ADD a.bin /x', {'a.bin': {base64: zstd}}),
  one('a gzip file that is no archive', 'ADD text.gz /x/', {'text.gz': {base64: gzipOfText}}),
  one('a damaged gzip archive', 'ADD a.tgz /x', {'a.tgz': {base64: 'H4sIAAAAAAAAAysuyUjVUQAA'}}),
  one('an empty file named as an archive', 'ADD a.tar /x/', {'a.tar': ''}),
  one('text named as an archive', 'ADD a.tar /x/', {'a.tar': 'no archive\n'}),
  one('an archive of nothing', 'ADD a.tar /x/', {'a.tar': tar()}),
  one('COPY leaves an archive packed', 'COPY a.tar /x/', archive),
  one('an archive in a directory stays packed', 'ADD d /x/', archive),
  one('an archive and a file', 'ADD a.tar b.txt /x/', archive),
  one('a wildcard of archives and files', 'ADD *.t* /x/', archive),
  one('an archive and chown', 'ADD --chown=8:9 a.tar /x/y', archive),
  one('an archive and chmod', 'ADD --chmod=0700 a.tar /x/y', archive),
  one('an archive and exclude', 'ADD --exclude=d a.tar /x', archive),
  one('an archive behind a symlink', 'ADD l /x', {...archive, l: {link: 'a.tar'}}),
  one('a file added', 'ADD b.txt /x/y', archive),
  one('a directory added', 'ADD d /x/y', archive),
  onBase('an archive over what is there', 'ADD a.tar /', {'a.tar': tar(...plain.slice(0, 2))}),
  onBase('an archive whose file is a directory there', 'ADD a.tar /', archive),
  onBase('an archive whose directory is a file there', 'ADD a.tar /', {
    'a.tar': tar({name: 'file/', type: 'directory'}, {name: 'file/x', content: 'x'}),
  }),
  onBase('an archive whose directory is a symlink there', 'ADD a.tar /', {
    'a.tar': tar({name: 'link/', type: 'directory'}, {name: 'link/x', content: 'x\n'}),
  }),
  onBase('an archive that writes through a symlink there', 'ADD a.tar /', {
    'a.tar': tar({name: 'link/x', content: 'x\n'}),
  }),
  onBase('an archive to a destination that is a file', 'ADD a.tar /file', archive, /not a directory/i),
  onBase('an archive to a destination that is a symlink', 'ADD a.tar /link', archive),
];

const members: readonly ConformanceCase[] = [
  one('a directory that the archive does not name', 'ADD a.tar /', {'a.tar': tar({name: 'p/q/f', content: 'f\n'})}),
  one('the root of the archive', 'ADD a.tar /x', {
    'a.tar': tar(
      {name: './', type: 'directory', mode: 0o711, uid: 5, gid: 6, mtime: 1_400_000_000},
      {name: './f', content: 'f\n'},
    ),
  }),
  one('a name twice, the later wins', 'ADD a.tar /', {
    'a.tar': tar({name: 'f', content: 'one\n'}, {name: 'f', content: 'two\n', mode: 0o600}),
  }),
  one('links, devices and pipes of an archive', 'ADD a.tar /', {
    'a.tar': tar(
      {name: 'f', content: 'f\n', mode: 0o4755, uid: 7, gid: 7},
      {name: 'hard', type: 'hardlink', link: 'f', mode: 0o4755, uid: 7, gid: 7},
      {name: 'sym', type: 'symlink', link: '../f', uid: 9, gid: 9, mtime: 1_400_000_000},
      {name: 'null', type: 'character', device: [1, 3], mode: 0o666},
      {name: 'loop', type: 'block', device: [7, 0], mode: 0o660},
      {name: 'pipe', type: 'fifo', mode: 0o600},
    ),
  }),
  one('a hard link with another mode', 'ADD a.tar /', {
    'a.tar': tar(
      {name: 'f', content: 'f\n', mode: 0o4755, uid: 7},
      {name: 'h', type: 'hardlink', link: 'f', mode: 0o600},
    ),
  }),
  one('attributes and large owners of an archive', 'ADD a.tar /', {
    'a.tar': tar({
      name: 'f',
      content: 'f\n',
      pax: {'SCHILY.xattr.user.note': 'hi', uid: '3000000', gid: '4000000', mtime: '1500000000.25'},
    }),
  }),
  one('whiteouts of an archive are files', 'ADD a.tar /', {
    'a.tar': tar({name: '.wh.gone', content: ''}, {name: 'd/.wh..wh..opq', content: ''}),
  }),
  one('an archive that climbs out', 'ADD a.tar /x', {'a.tar': tar({name: '../../out', content: 'out\n'})}),
  one('an archive with an absolute name', 'ADD a.tar /x', {'a.tar': tar({name: '/abs/f', content: 'f\n'})}),
  one('an archive with dot-dot inside', 'ADD a.tar /x', {'a.tar': tar({name: 'a/../b', content: 'b\n'})}),
  one('a symlink of the archive that leads out, written through', 'ADD a.tar /x', {
    'a.tar': tar({name: 's', type: 'symlink', link: '/etc'}, {name: 's/f', content: 'f\n'}),
  }),
  one('a relative symlink of the archive that leads out, written through', 'ADD a.tar /x', {
    'a.tar': tar({name: 's', type: 'symlink', link: '../../etc'}, {name: 's/f', content: 'f\n'}),
  }),
  one('a hard link of the archive that leads out', 'ADD a.tar /x', {
    'a.tar': tar({name: 'h', type: 'hardlink', link: '../../../etc/hostname'}),
  }),
  one('a hard link of the archive to an absolute name', 'ADD a.tar /x', {
    'a.tar': tar({name: 'f', content: 'f\n'}, {name: 'h', type: 'hardlink', link: '/f'}),
  }),
  one('a hard link of the archive to nothing', 'ADD a.tar /x', {
    'a.tar': tar({name: 'h', type: 'hardlink', link: 'nothing'}),
  }),
  one('an archive that is cut', 'ADD a.tar /x', {
    'a.tar': {
      base64:
        'ZC8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAADAwMDA3NTUAMDAwMDAwMQAwMDAwMDAyADAwMDAwMDAwMDAwADEzMTMyMDI3NDAwADAwNzQ2MgAgNQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB1c3RhcgAwMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAwMDAwMDAwADAwMDAwMDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABkL2YAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    },
  }),
  {
    name: 'special files and attributes of another stage',
    dockerfile: 'FROM scratch AS a\nADD n.tar /\nFROM scratch\nCOPY --from=a / /x\n',
    context: {
      'n.tar': tar(
        {name: 'null', type: 'character', device: [1, 3], mode: 0o666, uid: 3, gid: 4},
        {name: 'pipe', type: 'fifo', mode: 0o600},
        {name: 'f', content: 'f\n', mode: 0o4755, uid: 1000, gid: 1000, pax: {'SCHILY.xattr.user.note': 'hi'}},
        {name: 'hard', type: 'hardlink', link: 'f', mode: 0o4755, uid: 1000, gid: 1000},
        {name: 'sym', type: 'symlink', link: 'f', uid: 9, gid: 9},
      ),
    },
  },
];

const flags: readonly ConformanceCase[] = [
  one('unpack=false leaves an archive packed', 'ADD --unpack=false a.tar /x/', archive),
  one('unpack=true of a file', 'ADD --unpack=true b.txt /x/', archive),
  one(
    'checksum of a local file',
    'ADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 b.txt /x/',
    archive,
  ),
  one('a URL with COPY', 'COPY http://127.0.0.1:1/f /x/', archive),
  one('a URL that nobody answers', 'ADD http://127.0.0.1:1/f /x/', archive),
];

export const addCases: readonly ConformanceCase[] = [...archives, ...members, ...flags];
