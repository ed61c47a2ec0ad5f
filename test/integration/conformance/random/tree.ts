import type {Node, Tree} from '../case.js';
import type {Dice} from './dice.js';

const names = ['a', 'b.txt', 'c.md', 'one', 'two', 'd', 'e', 'sub', 'sp ace', 'ünï', '.hid', 'x+y', '-dash', '#h', 'A'];
const odd = ['s*r', '[x]', 'q?', 'back\\slash', 'do$lar', "q'uote", 'do..ts'];
const modes = [0o644, 0o600, 0o755, 0o4755, 0o2750, 0o777, 0o400, 0];
const directoryModes = [0o755, 0o700, 0o1777, 0o2775, 0o711];
const targets = [
  'a',
  'one',
  '../a',
  'd',
  '.',
  '..',
  '/a',
  '/d/a',
  '../../../../etc/passwd',
  'nothing',
  '/srv/data',
  'd/',
];

/** A small context: nested directories, odd names and modes, links of every kind, archives, now and then an ignore file. */
export function randomTree(dice: Dice): Tree {
  const tree: Record<string, Node> = {};
  const name = (): string => (dice.oneIn(12) ? dice.pick(odd) : dice.pick(names));
  const taken = (path: string): boolean =>
    Object.keys(tree).some((other) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`));
  const fill = (prefix: string, depth: number): void => {
    for (const one of new Set(dice.many(depth === 0 ? 3 : 0, 5, name))) {
      const path = `${prefix}${one}`;
      if (taken(path)) continue;
      if (depth < 3 && dice.oneIn(3)) fill(`${path}/`, depth + 1);
      if (!taken(path)) tree[path] = node(dice, path, Object.keys(tree));
    }
  };
  fill('', 0);
  if (dice.oneIn(4)) tree['.dockerignore'] = ignoreFile(dice, Object.keys(tree));
  return tree;
}

function node(dice: Dice, path: string, before: readonly string[]): Node {
  const mode = (): {mode?: number} => (dice.oneIn(3) ? {mode: dice.pick(modes)} : {});
  switch (dice.below(14)) {
    case 0:
    case 1:
      return {link: dice.pick(targets)};
    case 2:
      return {directory: true, mode: dice.pick(directoryModes)};
    case 3: {
      const files = before.filter((one) => one !== '.dockerignore');
      return files.length === 0 || dice.oneIn(2) ? `${path}\n` : {link: dice.pick(files)};
    }
    case 4:
      return {content: `${path}\n`, xattrs: {'user.note': 'x'}, ...mode()};
    case 5:
      return {gzip: dice.oneIn(2), tar: archive(dice)};
    case 6:
      return '';
    default:
      return {content: `${path}\n`, ...mode()};
  }
}

function archive(dice: Dice): Extract<Node, {tar: unknown}>['tar'] {
  return dice.many(1, 4, () => {
    const name = dice.pick(['d/', 'd/f', 'f', 'a', 'sub/x', './g', 'srv/data/n']);
    const owner = {uid: dice.pick([0, 1, 1000]), gid: dice.pick([0, 2])};
    if (name.endsWith('/')) return {name, type: 'directory' as const, mode: dice.pick(directoryModes), ...owner};
    if (dice.oneIn(5)) return {name, type: 'symlink' as const, link: dice.pick(targets), ...owner};
    return {name, content: `${name}\n`, mode: dice.pick(modes), ...owner};
  });
}

function ignoreFile(dice: Dice, paths: readonly string[]): string {
  const pattern = (): string => {
    const path = dice.pick(paths);
    const first = path.split('/')[0] ?? path;
    const last = path.split('/').at(-1) ?? path;
    return dice.pick([
      path,
      first,
      `**/${last}`,
      '*.md',
      `${first}/*`,
      '*',
      `/${path}`,
      `${first}/`,
      '**/d',
      'no/such',
      '?',
    ]);
  };
  return dice
    .many(1, 4, () => (dice.oneIn(10) ? '# a comment' : `${dice.oneIn(3) ? '!' : ''}${pattern()}`))
    .map((line) => `${line}\n`)
    .join('');
}
