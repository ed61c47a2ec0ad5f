import {closeSync, constants, fstatSync, openSync, readSync} from 'node:fs';
import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {type OverlayPrefix, resolveInRoot} from './layer-view.js';

/** Largest passwd or group file that is read, bytes. */
const fileLimit = 4 * 1024 * 1024;
const mostGroups = 65_536;
const largestId = 0xfffffffe;

export interface UserEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** Whom a process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, sorted, without duplicates. */
  readonly groups: readonly number[];
  /** Home directory of the passwd file, `/` where the user is not in it. */
  readonly home: string;
}

/** Lines of passwd(5); broken ones are left out. */
export function parsePasswd(text: string): readonly UserEntry[] {
  return rows(text).flatMap(([name = '', , uid = '', gid = '', , home = '']) => {
    const [u, g] = [idOf(uid), idOf(gid)];
    return name === '' || u === undefined || g === undefined ? [] : [{name, uid: u, gid: g, home}];
  });
}

/** Lines of group(5); broken ones are left out. */
export function parseGroup(text: string): readonly GroupEntry[] {
  return rows(text).flatMap(([name = '', , gid = '', members = '']) => {
    const id = idOf(gid);
    return name === '' || id === undefined
      ? []
      : [{name, gid: id, members: members.split(',').filter((m) => m !== '')}];
  });
}

function rows(text: string): readonly string[][] {
  return text.split('\n').map((line) => line.trim().split(':'));
}

function idOf(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= largestId ? id : undefined;
}

/** `/etc/passwd` and `/etc/group` of a tree, links followed inside it. Empty where they are missing; bounded. */
export function readUsers(
  directories: readonly string[],
  prefix?: OverlayPrefix,
): {readonly users: readonly UserEntry[]; readonly groups: readonly GroupEntry[]} {
  return {
    users: parsePasswd(readBounded(directories, '/etc/passwd', prefix)),
    groups: parseGroup(readBounded(directories, '/etc/group', prefix)),
  };
}

function readBounded(directories: readonly string[], path: string, prefix: OverlayPrefix | undefined): string {
  const found = resolveInRoot(directories, path, {follow: true, ...(prefix === undefined ? {} : {prefix})});
  // A device or pipe must not be opened.
  if (found.real === undefined || found.stats?.isFile() !== true) return '';
  const descriptor = openSync(found.real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const {size} = fstatSync(descriptor);
    if (size > fileLimit) {
      throw new BuildError(
        'UNSUPPORTED',
        `${path} of the image has ${size} bytes, more than the ${fileLimit} that are read`,
      );
    }
    const buffer = Buffer.alloc(size);
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}

/**
 * What `USER` says: `name`, `uid`, each with `:group` or `:gid`; '' is root. An id need not be in the files; a name must.
 * With a group there are no supplementary groups. Throws BuildError NOT_FOUND with the nearest name.
 */
export function resolveUser(
  spec: string,
  {users, groups}: {readonly users: readonly UserEntry[]; readonly groups: readonly GroupEntry[]},
): Identity {
  const colon = spec.indexOf(':');
  const [who, group] = colon === -1 ? [spec, ''] : [spec.slice(0, colon), spec.slice(colon + 1)];
  const wanted = who === '' ? '0' : who;
  const byName = users.find(({name}) => name === wanted);
  const id = idOf(wanted);
  const user = byName ?? (id === undefined ? undefined : users.find(({uid}) => uid === id));
  const uid = user?.uid ?? id;
  if (uid === undefined) throw unknown('user', wanted, '/etc/passwd', users);
  const home = user?.home === undefined || user.home === '' ? '/' : user.home;
  if (group !== '') return {uid, gid: resolveGroup(group, groups), groups: [], home};
  const supplementary =
    user === undefined ? [] : groups.filter(({members}) => members.includes(user.name)).map(({gid}) => gid);
  const sorted = [...new Set(supplementary)].sort((a, b) => a - b).slice(0, mostGroups);
  return {uid, gid: user?.gid ?? 0, groups: sorted, home};
}

function resolveGroup(wanted: string, groups: readonly GroupEntry[]): number {
  const gid = groups.find(({name}) => name === wanted)?.gid ?? idOf(wanted);
  if (gid === undefined) throw unknown('group', wanted, '/etc/group', groups);
  return gid;
}

/** What `--chown` says: a user alone is its uid as group, too, where it is a number; else the user's own group. */
export function resolveChown(
  spec: string,
  files: {readonly users: readonly UserEntry[]; readonly groups: readonly GroupEntry[]},
): {readonly uid: number; readonly gid: number} {
  const colon = spec.indexOf(':');
  const who = colon === -1 ? spec : spec.slice(0, colon);
  const group = colon === -1 ? '' : spec.slice(colon + 1);
  const id = idOf(who);
  const user = id === undefined ? files.users.find(({name}) => name === who) : undefined;
  const uid = id ?? user?.uid;
  if (uid === undefined) throw unknown('user', who, '/etc/passwd', files.users);
  if (group !== '') return {uid, gid: idOf(group) ?? resolveGroup(group, files.groups)};
  return {uid, gid: user?.gid ?? uid};
}

function unknown(kind: string, name: string, file: string, known: readonly {readonly name: string}[]): BuildError {
  const names = known.slice(0, 1000).map((entry) => entry.name);
  return new BuildError('NOT_FOUND', `the image has no ${kind} ${quote(name)}${didYouMean(name, names)}`, {
    remedy: `It is not in ${file} of the image: make it in an earlier RUN, or give the number.`,
  });
}
