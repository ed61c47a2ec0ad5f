import {BuildError, quote} from '../../../base/errors.js';
import {didYouMean} from '../../../base/nearest.js';
import {accountText, decimal, linesOf} from '../accounts.js';

/** Who a process of the container is. */
export interface StepUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** `/` where passwd does not have the user. */
  readonly home: string;
}

export interface Passwd {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const mostId = 2 ** 31 - 1;

/** Reads `/etc/passwd` and `/etc/group` of the tree at `root`, symlinks resolved inside it. Throws STEP_FAILED. */
export function resolveUserIn(root: string, user: string): StepUser {
  return resolveUser(
    user,
    () => passwdIn(accountText(root, 'passwd')),
    () => groupsIn(accountText(root, 'group')),
  );
}

/** Most steps of a build find the files that the one before had. */
const passwdIn = remembering((text) => passwdOf(linesOf(text)));
const groupsIn = remembering((text) => groupsOf(linesOf(text)));

const mostRemembered = 64 * 1024;

/** `action`, done again only for another argument than the last one, or a large one: what it gives of that is not kept. */
function remembering<T>(action: (text: string) => T): (text: string) => T {
  let last: {readonly text: string; readonly found: T} | undefined;
  return (text) => {
    if (last?.text === text) return last.found;
    const found = action(text);
    if (text.length <= mostRemembered) last = {text, found};
    return found;
  };
}

/**
 * USER's value (`name|uid[:group|gid]`) as BuildKit takes it: two numbers need no file, an unknown number is allowed, an
 * unknown name is not. Supplementary groups count only where no group is named. Throws STEP_FAILED.
 */
export function resolveUser(user: string, passwd: () => readonly Passwd[], groups: () => readonly Group[]): StepUser {
  const isDefault = user === '';
  const [name = '', group] = splitOnce(isDefault ? '0' : user);
  const [uid, gid] = [plainId(name), group === undefined ? undefined : plainId(group)];
  if (uid !== undefined && gid !== undefined) {
    // The files only say where the home is: the ids do without them, however large or broken they are.
    const home = attempt(() => passwd().find((entry) => entry.uid === uid)?.home) ?? '/';
    return {uid, gid, additionalGids: [gid], home};
  }
  try {
    return lookUp(name, group ?? '', passwd(), groups());
  } catch (error) {
    if (isDefault && error instanceof BuildError) return {uid: 0, gid: 0, additionalGids: [0], home: '/root'};
    throw error;
  }
}

function lookUp(name: string, group: string, passwd: readonly Passwd[], groups: readonly Group[]): StepUser {
  const number = decimal(name);
  const entry = passwd.find((each) => (name === '' ? each.uid === 0 : each.name === name || each.uid === number));
  if (entry === undefined && number === undefined) {
    if (name !== '') {
      throw unknown('user', name, '/etc/passwd', passwd);
    }
  }
  const uid = checkId(entry?.uid ?? number ?? 0, name);
  let gid = entry?.gid ?? 0;
  const supplementary: number[] = [];
  if (group === '') {
    const member = entry?.name ?? name;
    for (const each of groups) if (each.members.includes(member)) supplementary.push(each.gid);
  } else {
    const groupNumber = decimal(group);
    const found = groups.find((each) => each.name === group || each.gid === groupNumber)?.gid ?? groupNumber;
    if (found === undefined) throw unknown('group', group, '/etc/group', groups);
    gid = checkId(found, group);
  }
  const additionalGids = supplementary.includes(gid) ? supplementary : [gid, ...supplementary];
  return {uid, gid, additionalGids, home: passwd.find((each) => each.uid === uid)?.home ?? '/'};
}

function unknown(what: string, name: string, file: string, known: readonly {readonly name: string}[]): BuildError {
  const near = didYouMean(name, known.map((each) => each.name).slice(0, 10_000));
  return new BuildError('STEP_FAILED', `the image has no ${what} ${quote(name)} in ${file}${near}`, {
    remedy: `Create it in an earlier step (RUN ${what}add ${name}), or give a number.`,
  });
}

function checkId(id: number, text: string): number {
  if (id >= 0 && id <= mostId) return id;
  throw new BuildError('STEP_FAILED', `not an id from 0 to ${mostId}: ${quote(text)}`, {
    remedy: 'Give a smaller number.',
  });
}

function splitOnce(text: string): readonly string[] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
}

function plainId(text: string): number | undefined {
  if (text === 'root') return 0;
  return /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 ? Number(text) : undefined;
}

function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}

/** passwd(5); lines that are not so are left out. */
export function passwdOf(lines: Iterable<readonly string[]>): readonly Passwd[] {
  const out: Passwd[] = [];
  for (const [name = '', , uid = '', gid, , home = ''] of lines) {
    const [user, group] = [decimal(uid), decimal(gid ?? '')];
    if (user !== undefined && group !== undefined) out.push({name, uid: user, gid: group, home});
  }
  return out;
}

/** As group(5). */
export function groupsOf(lines: Iterable<readonly string[]>): readonly Group[] {
  const out: Group[] = [];
  for (const [name = '', , gid = '', members = ''] of lines) {
    const number = decimal(gid);
    if (number !== undefined) out.push({name, gid: number, members: members.split(',').filter((each) => each !== '')});
  }
  return out;
}
