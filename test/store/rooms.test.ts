import {execFileSync} from 'node:child_process';
import {existsSync, statfsSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {makeRoom} from '../../engine/store/rooms.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const ext4 = 0xef53;

test('what is at the top of a store is laid into parts of the disk of their own', (t) => {
  const root = join(temporaryDirectory(t), 'new', 'store');
  t.is(makeRoom(root, 'tmp'), join(root, 'tmp'));
  t.is(statSync(join(root, 'tmp')).mode & 0o777, 0o700);
  t.is(makeRoom(root, 'tmp'), join(root, 'tmp'));
  // Another file system has no such mark.
  if (statfsSync(root).type === ext4) t.regex(execFileSync('lsattr', ['-d', root], {encoding: 'utf8'}), /^\S*T/);
});

test('a store that lies below a file is refused, and nothing is made', (t) => {
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, '');
  const error = t.throws(() => makeRoom(file, 'tmp'), {code: 'IO'});
  t.regex(error.message, /ENOTDIR/);
  t.false(existsSync(join(file, 'tmp')));
});
