import type {Dice} from './dice.js';
import type {Syntax} from './scene.js';

/**
 * An ignore file for a context of these paths: negations, wildcards, odd spellings of the paths. An escaped letter is none of
 * them: it makes a pattern that kills a daemon which looks two paths up in it.
 */
export function ignoreFile(dice: Dice, all: readonly string[], syntax: Syntax): string {
  // Old daemons take what these stand for in a regular expression.
  const paths = syntax === 'current' ? all : ['a', ...all.filter((path) => !/[+(){}|]/.test(path))];
  const pattern = (): string => {
    const path = dice.pick(paths);
    const first = path.split('/')[0] ?? path;
    const last = path.split('/').at(-1) ?? path;
    const middle = path.split('/').slice(0, -1).join('/');
    return dice.pick([
      ...[path, path, first, `**/${last}`, '*.md', `${first}/*`, '*', `/${path}`, `${first}/`, '**/d', 'no/such', '?'],
      ...[
        `./${path}`,
        `${first}/**`,
        `**/${last}/**`,
        `*/${last}`,
        `${path.slice(0, 1)}*`,
        '**',
        `${middle}/*`,
        '*/*',
        '[a-c]*',
      ],
      ...[
        `  ${path}  `,
        `${first}/../${path}`,
        `[^a]*`,
        `${last.slice(0, 1)}?`,
        `**/*.txt`,
        `${path}/`,
        `//${path}`,
        /^[#!\-+.~]/.test(path) ? `\\${path}` : path,
      ],
      ...[`**/${first}/${last}`, `${first}**`, '.', '/', '**/.*', '.dockerignore', `${path}/**/x`, `*/*/${last}`],
    ]);
  };
  const end = dice.oneIn(12) ? '\r\n' : '\n';
  const text = dice
    .many(1, 5, () =>
      dice.weighed<string>([
        [1, () => dice.pick(['# a comment', '', ' # indented', '\t'])],
        [3, () => `!${pattern()}`],
        [6, () => pattern()],
      ]),
    )
    .map((line) => `${line}${end}`)
    .join('');
  return syntax === 'current' && dice.oneIn(20) ? `\uFEFF${text}` : text;
}
