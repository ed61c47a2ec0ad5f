import {isSpace, skipSpace} from './space.js';

/**
 * Takes the `--name=value` words off the start of an instruction's arguments. Quotes and escapes are removed from them
 * (the escape is always `\` here, as in the published frontend); `--` alone ends them.
 */
export function takeFlags(text: string): {readonly flags: readonly string[]; readonly rest: string} {
  const flags: string[] = [];
  let at = skipSpace(text);
  while (text.startsWith('--', at)) {
    const {word, end, quoted} = flagWord(text, at);
    at = end;
    if (word === '--' && end < text.length) break;
    if (word !== '--' && (word !== '' || quoted)) flags.push(word);
    at = skipSpace(text, at);
  }
  return {flags, rest: text.slice(at)};
}

function flagWord(text: string, start: number): {word: string; end: number; quoted: boolean} {
  let word = '';
  let quote = '';
  let quoted = false;
  let at = start;
  for (; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === '' && isSpace(character)) break;
    if (quote === '' && (character === "'" || character === '"')) {
      quote = character;
      quoted = true;
    } else if (character === quote) {
      quote = '';
    } else if (character === '\\') {
      at++;
      word += text.charAt(at);
    } else {
      word += character;
    }
  }
  return {word, end: Math.min(at, text.length), quoted};
}
