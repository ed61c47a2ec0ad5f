import {contextSource} from './sources.js';
import type {Scene} from './scene.js';
import {shellWord} from './words.js';

const lines = [
  'text $V',
  '\ttab',
  '\\$V "q"',
  '  ${V:-d}',
  '#!/bin/sh',
  '',
  '# no comment',
  'back \\',
  "it's",
  '$A$B',
  '\\\\',
  'EO',
  ' EOF',
  'ü',
];
const destinations = [
  '/x',
  '/x/',
  '/new/f',
  '/srv/data',
  '/srv/link',
  'rel',
  '/srv/data/',
  '/srv/hard1',
  '/tmp/',
  '$V',
  '.',
  '/srv/empty',
];

/** COPY or ADD of one here-document or several, now and then with a path beside them. */
export function heredocTransfer(scene: Scene, keyword: string, flags: readonly string[]): string {
  const {dice, syntax, bold} = scene;
  const head = [keyword, ...flags.filter((flag) => !flag.startsWith('--from=') || bold)];
  const count = dice.pick([1, 1, 1, 2, 3]);
  const names = ['EOF', 'one.txt', 'B', 'EOF2'].slice(0, count);
  const written = names.map((name) => {
    const word = dice.pick([`<<${name}`, `<<-${name}`, `<<'${name}'`, `<<"${name}"`, `<<${name}`]);
    const most = dice.pick([0, 1, 3, 5]);
    const body = dice.many(0, most, () => dice.pick(lines));
    return {word, body: word.startsWith('<<-') && dice.oneIn(2) ? body.map((line) => `\t${line}`) : body, name};
  });
  const beside = syntax === 'current' && dice.oneIn(6) ? shellWord(contextSource(scene)) : undefined;
  let destination = dice.pick(destinations);
  const several = count + (beside === undefined ? 0 : 1) > 1;
  if (several && !destination.endsWith('/') && !dice.oneIn(bold ? 4 : 30)) destination += '/';
  const words = [...written.map(({word}) => word), ...(beside === undefined ? [] : [beside]), destination];
  return [[...head, ...words].join(' '), ...written.flatMap(({body, name}) => [...body, name])].join('\n');
}
