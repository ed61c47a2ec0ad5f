import {accountLines} from '../accounts.js';
import {stepError, systemPath} from './byte-path.js';
import type {Tree} from './resolve.js';

/** Numbers that a file gets. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

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
    const line = find(tree, 'passwd', user);
    owner = {uid: numberOf(line?.[2] ?? '') ?? 0, gid: numberOf(line?.[3] ?? '') ?? 0};
  }
  if (group === undefined) return owner;
  if (group === '') return {...owner, gid: 0};
  const gid = numberOf(group);
  if (gid !== undefined) return {...owner, gid};
  if (group === 'root') return {...owner, gid: 0};
  if (!named(group, empty)) return owner;
  return {...owner, gid: numberOf(find(tree, 'group', group)?.[2] ?? '') ?? owner.gid};
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

function find(tree: Tree, file: 'passwd' | 'group', name: string): readonly string[] | undefined {
  for (const fields of accountLines(systemPath(tree.root), file)) if (fields[0] === name) return fields;
  return undefined;
}
