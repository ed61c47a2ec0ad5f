import type {Node, TarMember, Tree} from '../case.js';
import type {Dice} from './dice.js';
import {ignoreFile} from './ignore.js';
import type {Syntax} from './scene.js';

const names = ['a', 'b.txt', 'c.md', 'one', 'two', 'd', 'e', 'sub', 'sp ace', 'ünï', '.hid', 'x+y', '-dash', '#h', 'A'];
const odd = [
  ...['s*r', '[x]', 'q?', 'back\\slash', 'do$lar', "q'uote", 'do..ts', '..dots', '...', 'tab\tx', 'q"q'],
  ...[
    'n'.repeat(120),
    'ü'.repeat(100),
    '{a,b}',
    'a:b',
    '!no',
    '~',
    'a=b',
    '%41',
    'c.MD',
    '.wh',
    'end.',
    'a\nb',
    '.git',
    '日本',
  ],
];
const modes = [0o644, 0o600, 0o755, 0o4755, 0o2750, 0o777, 0o400, 0, 0o1644, 0o111];
const directoryModes = [0o755, 0o700, 0o1777, 0o2775, 0o711, 0o500];
const times = [0, 1, 1_000_000_000, 1_600_000_000, 1_234_567_890];
const targets = [
  ...['a', 'one', '../a', 'd', '.', '..', '/a', '/d/a', '../../../../etc/passwd', 'nothing', '/srv/data', 'd/'],
  ...['./a', 'sub/../a', '/', 'e/one', 'sp ace', '/etc/app', '//a', '...', 'l'.repeat(150)],
];

/** A small context: nested directories, odd names and modes, links of every kind, archives, now and then an ignore file. */
export function randomTree(dice: Dice, syntax: Syntax): Tree {
  const tree: Record<string, Node> = {};
  const name = (): string => (dice.oneIn(14) ? dice.pick(odd) : dice.pick(names));
  const taken = (path: string): boolean =>
    Object.keys(tree).some((other) => other === path || other.startsWith(`${path}/`) || path.startsWith(`${other}/`));
  const fill = (prefix: string, depth: number): void => {
    for (const one of new Set(dice.many(depth === 0 ? 3 : 0, depth === 0 ? 6 : 4, name))) {
      const path = `${prefix}${one}`;
      if (taken(path)) continue;
      if (depth < 3 && dice.oneIn(3)) fill(`${path}/`, depth + 1);
      if (!taken(path)) tree[path] = node(dice, path, Object.keys(tree));
      // What is said of a directory that has something.
      else if (dice.oneIn(3)) tree[path] = {directory: true, mode: dice.pick(directoryModes), ...attributes(dice)};
    }
  };
  fill('', 0);
  if (dice.oneIn(30)) tree[`p/${'deep/'.repeat(dice.pick([6, 20, 45]))}f`] = 'deep\n';
  if (dice.oneIn(3)) tree['.dockerignore'] = ignoreFile(dice, Object.keys(tree), syntax);
  return syntax === 'current' ? tree : withoutLatest(tree);
}

/** A client of old trips over a device or a pipe. */
const withoutLatest = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([, each]) => typeof each === 'string' || !('fifo' in each)));

const attributes = (dice: Dice): {mtime?: number; xattrs?: Record<string, string>} => ({
  ...(dice.oneIn(6) ? {mtime: dice.pick(times)} : {}),
  ...(dice.oneIn(10)
    ? {xattrs: dice.pick([{'user.note': 'x'}, {'user.a': '', 'user.b': 'ü'}, {'trusted.t': 'y'}])}
    : {}),
});

function node(dice: Dice, path: string, before: readonly string[]): Node {
  const mode = (): {mode?: number} => (dice.oneIn(3) ? {mode: dice.pick(modes)} : {});
  const content = dice.oneIn(8) ? dice.pick(['x'.repeat(5000), '\0\u0001', 'no newline', '\r\n']) : `${path}\n`;
  const files = before.filter((one) => one !== '.dockerignore');
  // What COPY names is followed, so most of the links at the top lead somewhere.
  const top = !path.includes('/');
  const leading = [...files.filter((one) => /^[\w./]+$/.test(one)), '.', '..', './.', '/'];
  return dice.weighed<Node>([
    [3, () => ({link: top && !dice.oneIn(12) ? dice.pick(leading) : dice.pick(targets)})],
    [2, () => ({directory: true, mode: dice.pick(directoryModes), ...attributes(dice)})],
    [1, () => (files.length === 0 ? '' : {link: dice.pick(files)})],
    [1, () => ({content, xattrs: {'user.note': 'x'}, ...mode()})],
    [2, () => ({gzip: dice.oneIn(2), tar: archive(dice), ...(dice.oneIn(4) ? {mode: 0o600} : {})})],
    [1, () => ''],
    [1, () => ({fifo: true, mode: dice.pick(modes)})],
    [1, () => ({sparse: 100_000, ...mode()})],
    [
      8,
      () => {
        const more = attributes(dice);
        // A builder that has a step of the same content gives the times that it had there.
        return {content: more.mtime === undefined ? content : `${content}${more.mtime}\n`, ...mode(), ...more};
      },
    ],
  ]);
}

const members = [
  ...[
    'd/',
    'd/f',
    'f',
    'a',
    'sub/x',
    './g',
    'srv/data/n',
    './',
    'srv/link',
    'srv/link/in',
    'x',
    'x/d/',
    'etc/app/one.conf',
  ],
  ...['srv/data', 'srv/empty/', './d/./e', 'd//f', '/abs', 'ü', 'sp ace', 'm'.repeat(130), 'srv/hard1', 'srv/data/'],
];

function archive(dice: Dice): readonly TarMember[] {
  const made: TarMember[] = [];
  for (let left = dice.pick([0, 1, 2, 3, 4, 5]); left > 0; left--) made.push(member(dice, made));
  return made;
}

function member(dice: Dice, before: readonly TarMember[]): TarMember {
  const name = dice.pick(members);
  const common = {
    uid: dice.pick([0, 1, 1000, 70_000]),
    gid: dice.pick([0, 2, 50]),
    ...(dice.oneIn(3) ? {mtime: dice.pick(times)} : {}),
    ...(dice.oneIn(8)
      ? {pax: dice.pick([{'SCHILY.xattr.user.note': 'x'}, {mtime: '1500000000.25'}, {comment: 'c'}, {uid: '3000000'}])}
      : {}),
  };
  if (name.endsWith('/')) return {name, type: 'directory', mode: dice.pick(directoryModes), ...common};
  const earlier = before.filter(({type}) => type === undefined).map((one) => one.name);
  return dice.weighed<TarMember>([
    [8, () => ({name, content: `${name}\n`, mode: dice.pick(modes), ...common})],
    [2, () => ({name, type: 'symlink', link: dice.pick(targets), ...common})],
    [earlier.length > 0 ? 2 : 0, () => ({name, type: 'hardlink', link: dice.pick(earlier), mode: 0o644, ...common})],
    [1, () => ({name, type: 'fifo', mode: dice.pick(modes), ...common})],
    [1, () => ({name, type: 'character', device: [1, 3], mode: 0o666, ...common})],
    [1, () => ({name, content: '', ...common})],
  ]);
}
