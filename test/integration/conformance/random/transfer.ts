import type {Tree} from '../case.js';
import type {Dice} from './dice.js';
import type {Syntax} from './dockerfile.js';

/** Paths that a stage may have, those of its base image before all. */
export const places: readonly string[] = [
  '/srv/data',
  '/srv/data/a',
  '/srv/data/deep',
  '/srv/link',
  '/srv/hard1',
  '/srv/empty',
  '/etc/app',
  '/etc/app/one.conf',
  '/home/alice',
  '/tmp',
  '/x',
  '/x/d',
  '/new/deep/dir',
  '/out',
];

const destinations = ['/', '/x', '/x/', '/x/d/', '/srv/data', '/srv/link', '/srv/link/', '/srv/empty/', '/srv/hard1'];
const more = [
  '/new/deep/dir',
  '/new/deep/dir/',
  'rel',
  'rel/',
  '.',
  './',
  '../up',
  '/w/y/..',
  '/etc/app/.',
  '$V',
  '/${V:-n}/',
];
const owners = ['1000', '5:6', 'alice', 'bob:audio', ':50', 'alice:staff', '0', 'root:root', '1001:alice', '${V:-7}'];
const modes = ['0755', '600', '4711', '0', '1777', '${M:-640}'];
const symbolic = ['u=rwX,go=rX', 'a+x', 'go-rwx', '+x', 'u+s', 'g=u', 'a=,u+r', 'o+t', 'ug+rw,o-w'];
const wrong = [
  '--chmod=rwx',
  '--chown=nobodyknows',
  '--chown=1:nogroup',
  '--chmod=99',
  '--magic',
  '--chown',
  '--from=9',
];

/** A word as JSON or shell words want it; `undefined` where a shell word cannot say it. */
const shellWord = (word: string): string | undefined => (/[\s\\#"']|^-/.test(word) || word === '' ? undefined : word);

/** One COPY or ADD. `stages` names what --from may name. */
export function transfer(dice: Dice, syntax: Syntax, context: Tree, stages: readonly string[]): string {
  const keyword = dice.oneIn(4) ? 'ADD' : 'COPY';
  const from = keyword === 'COPY' && stages.length > 0 && dice.oneIn(2) ? dice.pick(stages) : undefined;
  const flags = transferFlags(dice, syntax, keyword, context);
  if (from !== undefined) flags.push(`--from=${from}`);
  if (syntax === 'current' && dice.oneIn(12)) return heredoc(dice, keyword, flags);
  const source = (): string => (from === undefined ? contextSource(dice, context) : stageSource(dice));
  const sources = dice.many(1, dice.oneIn(3) ? 3 : 1, source);
  let destination = dice.pick(dice.oneIn(2) ? destinations : more);
  // Several sources want a directory; now and then they do not get one.
  if (sources.length > 1 && !destination.endsWith('/') && !dice.oneIn(8)) destination += '/';
  const words = [...sources, destination];
  const plain = words.map(shellWord);
  const json = plain.includes(undefined) || dice.oneIn(8);
  return [keyword, ...flags, ...(json ? [JSON.stringify(words)] : (plain as string[]))].join(' ');
}

function transferFlags(dice: Dice, syntax: Syntax, keyword: string, context: Tree): string[] {
  const paths = Object.keys(context);
  const flags: string[] = [];
  // Frontends of old want a passwd for a name; with a mode they keep special bits, and do not give it to parents that they make.
  if (dice.oneIn(4)) flags.push(`--chown=${dice.pick(syntax === 'current' ? owners : owners.slice(0, 2))}`);
  if (dice.oneIn(5)) {
    const mode = dice.pick(syntax === 'current' && dice.oneIn(2) ? symbolic : modes.slice(0, 5));
    if (syntax === 'current') flags.push(`--chmod=${mode}`);
  }
  if (dice.oneIn(60)) flags.push(dice.pick(wrong));
  if (syntax === 'old') return flags;
  if (dice.oneIn(6)) flags.push(dice.pick(['--link', '--link=true', '--link=false']));
  // With --exclude BuildKit wants links at the top of a context to lead somewhere, though it copies them as they are.
  const links = Object.entries(context).some(
    ([path, node]) => !path.includes('/') && typeof node !== 'string' && 'link' in node,
  );
  if (dice.oneIn(6) && !links) {
    const name =
      dice
        .pick([...paths, 'a'])
        .split('/')
        .at(-1) ?? 'a';
    const choices = [name, `**/${name}`, '*', '*.md', 'sub', '**/d', 'd/*', `!${name}`];
    flags.push(
      ...dice.many(1, 2, () => `--exclude=${dice.pick(choices.filter((one) => shellWord(one) !== undefined))}`),
    );
  }
  if (keyword === 'ADD' && dice.oneIn(6)) flags.push(dice.pick(['--unpack=false', '--unpack=true', '--unpack']));
  return flags;
}

function contextSource(dice: Dice, context: Tree): string {
  const path = dice.pick([...Object.keys(context), '.']).replaceAll(/\\x[0-9a-f]{2}/g, '?');
  const parts = path.split('/');
  const parent = parts.slice(0, -1).join('/');
  switch (dice.below(16)) {
    case 0:
      return '.';
    case 1:
      return `${path}/`;
    case 2:
      return `/${path}`;
    case 3:
      return parent === '' ? '*' : `${parent}/*`;
    case 4:
      return `${path.slice(0, 1)}*`;
    case 5:
      return `./${path}`;
    case 6:
      return parts.length > 1 ? `*/${parts.slice(1).join('/')}` : '[a-d]*';
    case 7:
      return `../${path}`;
    case 8:
      return dice.oneIn(4) ? 'missing' : path;
    case 9:
    case 10:
      return parts[0] ?? path;
    default:
      return path;
  }
}

function stageSource(dice: Dice): string {
  if (dice.oneIn(4)) return dice.pick(['/srv/*', '/srv/d*', '/etc/app/*.conf', 'srv/data/', '/srv/data/.', '/*/app']);
  return dice.pick(dice.oneIn(12) ? places : places.slice(0, 9));
}

function heredoc(dice: Dice, keyword: string, flags: readonly string[]): string {
  const word = dice.pick(['<<EOF', '<<-EOF', "<<'EOF'", '<<"EOF"']);
  const body = dice.many(0, 3, () => dice.pick(['text $V', '\ttab', '\\$V "q"', '  ${V:-d}', '#!/bin/sh', '']));
  const destination = dice.pick(['/x', '/x/', '/new/f', '/srv/data', '/srv/link', 'rel']);
  return [[keyword, ...flags, word, destination].join(' '), ...body, 'EOF'].join('\n');
}
