import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';
import {hasErrno} from '../../../base/errors.js';
import {stepError, systemPath} from './byte-path.js';
import {isFile, resolve, type Tree} from './resolve.js';

/** Numbers that a file gets. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Most that is read of /etc/passwd and /etc/group. Bytes. */
const mostBytes = 4 * 1024 * 1024;
const largest = 2 ** 31 - 1;

/**
 * The owner that `--chown` (or USER, for WORKDIR) names, looked up in the root as BuildKit does it: a number stands for itself,
 * and for the group, too, where none is given; a name that passwd does not have is root's. `empty` says that the root
 * is that of an empty image, in which only root has a name.
 */
export function findOwner(tree: Tree, text: string, empty: boolean): Owner {
  const colon = text.indexOf(':');
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? undefined : text.slice(colon + 1);
  let owner: Owner = {uid: 0, gid: 0};
  const number = numberOf(user);
  if (number !== undefined) owner = {uid: number, gid: number};
  else if (named(user, empty)) {
    const line = find(tree, 'etc/passwd', user);
    owner = {uid: numberOf(line?.[2] ?? '') ?? 0, gid: numberOf(line?.[3] ?? '') ?? 0};
  }
  if (group === undefined) return owner;
  if (group === '') return {...owner, gid: 0};
  const gid = numberOf(group);
  if (gid !== undefined) return {...owner, gid};
  if (group === 'root') return {...owner, gid: 0};
  if (!named(group, empty)) return owner;
  return {...owner, gid: numberOf(find(tree, 'etc/group', group)?.[2] ?? '') ?? owner.gid};
}

/** Whether a name has to be looked up. Throws STEP_FAILED where there is nothing to look it up in. */
function named(name: string, empty: boolean): boolean {
  if (name === '' || name === 'root') return false;
  if (!empty) return true;
  throw stepError(
    `the name ${JSON.stringify(name)} cannot be looked up: the image is empty`,
    'Give a number, or copy /etc/passwd and /etc/group into the image before.',
  );
}

function numberOf(text: string): number | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  return number <= largest ? number : undefined;
}

function find(tree: Tree, path: string, name: string): readonly string[] | undefined {
  for (const line of readBounded(tree, path).split('\n')) {
    const fields = line.trim().split(':');
    if (fields[0] === name) return fields;
  }
  return undefined;
}

/** The beginning of a file of the root; nothing where there is none. Never a pipe or a device, never out of the root. */
function readBounded(tree: Tree, path: string): string {
  const found = resolve(tree, path);
  if (found.stats === undefined || !isFile(found.stats)) return '';
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let file: number;
  try {
    file = openSync(systemPath(`${tree.root}/${found.path}`), flags);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ELOOP')) return '';
    throw stepError(`cannot read /${path} of the image`, undefined, error);
  }
  try {
    if (fstatSync(file).size > mostBytes) {
      throw stepError(`/${path} of the image is larger than ${mostBytes} bytes`, 'Give numbers instead of names.');
    }
    const buffer = Buffer.alloc(mostBytes);
    let length = 0;
    for (let count = 1; count > 0 && length < mostBytes; length += count) {
      count = readSync(file, buffer, length, mostBytes - length, null);
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}
