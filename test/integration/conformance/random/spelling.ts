import type {Dice} from './dice.js';

/**
 * The same instruction in another spelling: its keyword in other letters, space around it, its words on lines of their own
 * with comments and empty lines between. Only what has one line and holds neither quotes nor brackets is broken up.
 */
export function respelled(dice: Dice, text: string): string {
  const [first = '', ...rest] = text.split('\n');
  let line = first;
  if (dice.oneIn(8)) line = line.replace(/^[A-Z]+/, (word) => (dice.oneIn(2) ? word.toLowerCase() : capitalised(word)));
  if (rest.length === 0 && dice.oneIn(10) && !/["'[\]\\]/.test(line)) line = broken(dice, line);
  if (dice.oneIn(20)) line = `${dice.pick(['  ', '\t', ' '])}${line}`;
  if (dice.oneIn(20) && rest.length === 0) line += dice.pick(['  ', '\t', ' ']);
  return [line, ...rest].join('\n');
}

const capitalised = (word: string): string => `${word.slice(0, 1)}${word.slice(1).toLowerCase()}`;

/** Lines of the same instruction: the space between two words, or one in the middle of a word, is a continuation. */
function broken(dice: Dice, line: string): string {
  const gap = (): string =>
    dice.pick([
      ' \\\n',
      ' \\\n  ',
      ' \\ \n\t',
      ' \\\n# between\n',
      ' \\\n\n',
      ' \\\n  # indented\n  ',
      ' \\\n\n# c\n\n ',
    ]);
  const words = line.split(' ');
  if (words.length < 2) return line;
  if (dice.oneIn(4)) {
    const at = 1 + dice.below(line.length - 1);
    return `${line.slice(0, at)}\\\n${line.slice(at)}`;
  }
  return words.reduce((text, word) => `${text}${dice.oneIn(2) ? gap() : ' '}${word}`);
}
