import {execFileSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {createServer} from 'node:net';
import {once} from 'node:events';
import {join} from 'node:path';
import {syscalls} from '../../engine/base/syscalls.js';
import {applyLayer} from '../../engine/snapshot/apply.js';
import {layerTar} from '../../engine/snapshot/diff.js';
import {temporaryDirectory} from '../helpers/temporary.js';
import {asRoot} from '../helpers/root.js';

const signal = new AbortController().signal;

/** Everything of a tree that a layer keeps, by path; names as bytes. */
function listing(root: string): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const inodes = new Map<bigint, string>();
  const walk = (path: string) => {
    const real = Buffer.from(path === '' ? root : `${root}/${path}`, 'latin1');
    const stats = lstatSync(real, {bigint: true});
    const xattrs = Object.fromEntries(
      [...syscalls().listXattrs(real)].sort().map((name) => [name, syscalls().getXattr(real, name)?.toString('hex')]),
    );
    out[`/${path}`] = {
      mode: stats.mode.toString(8),
      owner: `${stats.uid}:${stats.gid}`,
      mtime: stats.mtimeNs,
      rdev: stats.rdev,
      xattrs,
      ...(stats.isFile() ? {content: readFileSync(real).toString('base64').slice(0, 100), size: stats.size} : {}),
      ...(stats.isSymbolicLink() ? {link: readlinkSync(real, 'latin1')} : {}),
      ...(stats.isDirectory() ? {} : {same: inodes.get(stats.ino) ?? path}),
    };
    if (!stats.isDirectory()) inodes.set(stats.ino, inodes.get(stats.ino) ?? path);
    else for (const name of readdirSync(real, 'latin1').sort()) walk(path === '' ? name : `${path}/${name}`);
  };
  walk('');
  return out;
}

/** One of everything. */
function makeTree(root: string): void {
  mkdirSync(join(root, 'usr/bin'), {recursive: true});
  writeFileSync(join(root, 'usr/bin/tool'), 'tool');
  chownSync(join(root, 'usr/bin/tool'), 1000, 3_000_000_000);
  chmodSync(join(root, 'usr/bin/tool'), 0o6755);
  const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');
  syscalls().setXattr(join(root, 'usr/bin/tool'), 'security.capability', capability);
  syscalls().setXattr(join(root, 'usr/bin/tool'), 'user.note', Buffer.from([0, 255, 10, 61]));
  chmodSync(join(root, 'usr/bin/tool'), 0o6755);
  linkSync(join(root, 'usr/bin/tool'), join(root, 'usr/bin/z-link'));
  symlinkSync('/usr/bin/tool', join(root, 'absolute'));
  symlinkSync('../../../etc/passwd', join(root, 'usr/up'));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/bytes-`), Buffer.from([0xff, 0xfe])]), 'x');
  writeFileSync(join(root, 'ünïcode 名'), Buffer.alloc(70_000, 'ab'));
  writeFileSync(join(root, 'line\nbreak'), '');
  mkdirSync(join(root, ...Array.from({length: 12}, () => 'a'.repeat(30))), {recursive: true});
  writeFileSync(join(root, ...Array.from({length: 12}, () => 'a'.repeat(30)), 'b'.repeat(200)), 'deep');
  writeFileSync(join(root, 'c'.repeat(100)), '100');
  writeFileSync(join(root, 'd'.repeat(101)), '101');
  symlinkSync('e'.repeat(300), join(root, 'long-link'));
  syscalls().makeNode(join(root, 'fifo'), 0o010_640, 0, 0);
  syscalls().makeNode(join(root, 'null'), 0o020_666, 1, 3);
  syscalls().makeNode(join(root, 'block'), 0o060_660, 259, 70_000);
  mkdirSync(join(root, 'sticky'));
  chmodSync(join(root, 'sticky'), 0o3777);
  mkdirSync(join(root, 'empty'), 0o700);
  for (const [name, seconds, nanoseconds] of [
    ['absolute', 1, 1],
    ['line\nbreak', -1, 500_000_000],
    ['fifo', 4_102_444_800, 999_999_999],
    ['empty', 1_700_000_000, 120],
    ['usr/bin', 0, 0],
  ] as const) {
    syscalls().setTimes(join(root, name), {seconds, nanoseconds});
  }
}

asRoot('a layer that GNU tar wrote is applied to what GNU tar itself unpacks', async (t) => {
  const directory = temporaryDirectory(t);
  const [from, gnu, ours] = ['from', 'gnu', 'ours'].map((name) => join(directory, name)) as [string, string, string];
  for (const path of [from, gnu, ours]) mkdirSync(path);
  makeTree(from);
  for (const format of ['pax', 'gnu']) {
    const archive = join(directory, `${format}.tar`);
    const xattrs = format === 'pax' ? ['--xattrs', '--xattrs-include=*'] : [];
    execFileSync('tar', [`--format=${format}`, ...xattrs, '--numeric-owner', '-cf', archive, '-C', from, '.']);
    const [a, b] = [join(gnu, format), join(ours, format)];
    mkdirSync(a);
    mkdirSync(b);
    execFileSync('tar', [
      ...xattrs,
      '--numeric-owner',
      '--same-owner',
      '--delay-directory-restore',
      '-xpf',
      archive,
      '-C',
      a,
    ]);
    await applyLayer([readFileSync(archive)], {directory: b}, signal);
    t.deepEqual(listing(b), listing(a), format);
    if (format === 'pax') t.deepEqual(listing(b), listing(from));
  }
});

asRoot('a layer of ours is unpacked by GNU tar and by us to the tree it was made of', async (t) => {
  const directory = temporaryDirectory(t);
  const [from, gnu, ours] = ['from', 'gnu', 'ours'].map((name) => join(directory, name)) as [string, string, string];
  for (const path of [from, gnu, ours]) mkdirSync(path);
  makeTree(from);
  const root = {mode: 0, uid: 1, gid: 1};
  const layer = Buffer.concat([...layerTar({directory: from, root})]);
  t.deepEqual(Buffer.concat([...layerTar({directory: from, root})]), layer);
  execFileSync('tar', ['--xattrs', '--xattrs-include=*', '--numeric-owner', '--same-owner', '-xpf', '-', '-C', gnu], {
    input: layer,
  });
  t.deepEqual(listing(gnu), listing(from));
  // In pieces of every awkward size.
  const pieces: Buffer[] = [];
  for (let at = 0, size = 1; at < layer.length; at += size, size = (size * 7 + 3) % 5000)
    pieces.push(layer.subarray(at, at + size));
  await applyLayer(
    pieces.filter((piece) => piece.length > 0),
    {directory: ours},
    signal,
  );
  t.deepEqual(listing(ours), listing(from));
});

asRoot('sparse files of GNU tar, in each of its formats, keep their content and size', async (t) => {
  const directory = temporaryDirectory(t);
  const from = join(directory, 'from');
  mkdirSync(from);
  execFileSync('sh', [
    '-c',
    'cd "$1"; truncate -s 1M end; printf a | dd of=end conv=notrunc status=none; i=0; while [ $i -lt 60 ]; do printf x$i | dd of=many bs=65536 seek=$i conv=notrunc status=none; i=$((i+1)); done; truncate -s 5M many; truncate -s 3M hole',
    'sh',
    from,
  ]);
  for (const options of [
    ['--format=gnu'],
    ...['0.0', '0.1', '1.0'].map((v) => ['--format=pax', `--sparse-version=${v}`]),
  ]) {
    const archive = execFileSync('tar', ['-S', ...options, '-cf', '-', '-C', from, '.'], {maxBuffer: 1e8});
    const to = join(directory, options.join('-'));
    mkdirSync(to);
    await applyLayer([archive], {directory: to}, signal);
    t.deepEqual(execFileSync('diff', ['-r', from, to]).toString(), '', options.join(' '));
    t.is(lstatSync(join(to, 'hole')).size, 3 * 1024 * 1024);
  }
});

asRoot('a socket is left out of a layer', async (t) => {
  const directory = temporaryDirectory(t);
  const server = createServer().listen(join(directory, 's'));
  t.teardown(() => server.close());
  await once(server, 'listening');
  writeFileSync(join(directory, 'f'), '');
  const list = execFileSync('tar', ['-tf', '-'], {input: Buffer.concat([...layerTar({directory})])});
  t.is(list.toString(), 'f\n');
});
