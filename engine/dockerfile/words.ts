import dockerFileParser from 'docker-file-parser';
import {BuildError} from '../base/errors.js';
import {blanks, isSpace} from './space.js';

/** Characters on which JavaScript's and Go's idea of space differ; the package would split at one and not the other. */
const unlikeSpace = /[\u0085\ufeff]/;

/**
 * docker-file-parser's arguments of one instruction without flags. The directive in front keeps it from taking a trailing
 * `\` for a continuation; a trailing backquote
 * cannot be kept so, nor does the package split words by another escape.
 */
function packageArguments(keyword: string, rest: string): string | readonly string[] | undefined {
  if (unlikeSpace.test(rest) || rest.includes('\n') || rest.endsWith('`')) return undefined;
  const args = dockerFileParser.parse(`# escape=\`\n${keyword} ${rest}`)[0]?.args;
  return typeof args === 'string' || Array.isArray(args) ? args : undefined;
}

/** Words of ENV, LABEL and ARG: separated by space outside quotes, quotes and escapes still in them. */
export function splitWords(rest: string, escape: string): readonly string[] {
  if (escape === '\\') {
    const words = packageArguments('ARG', rest);
    if (typeof words === 'object') return words;
  }
  return splitWordsBy(rest, escape);
}

function splitWordsBy(rest: string, escape: string): string[] {
  const words: string[] = [];
  let word = '';
  let quote = '';
  let inWord = false;
  const end = () => {
    if (inWord) words.push(word);
    word = '';
    inWord = false;
  };
  for (let at = 0; at < rest.length; at++) {
    const character = rest.charAt(at);
    if (quote === '' && isSpace(character)) {
      end();
      continue;
    }
    if (character === escape && quote !== "'") {
      // An escape at the very end escapes nothing and is dropped.
      if (at + 1 === rest.length) break;
      inWord = true;
      word += character + rest.charAt(++at);
      continue;
    }
    if (character === quote) quote = '';
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    inWord = true;
    word += character;
  }
  end();
  return words;
}

/** Words separated by blanks, quotes without meaning (EXPOSE, FROM, the plain form of COPY, ADD and VOLUME). */
export function splitList(rest: string): readonly string[] {
  if (rest === '') return [];
  const list = packageArguments('EXPOSE', rest);
  return typeof list === 'object' ? list : rest.split(blanks);
}

/**
 * Strings of the JSON form, or undefined where the text is no JSON array and so belongs to a shell. Throws BuildError
 * DOCKERFILE_INSTRUCTION on an array that holds anything but strings.
 */
export function jsonForm(rest: string): readonly string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  const args = packageArguments('CMD', rest);
  if (typeof args === 'object') return args;
  let value: unknown;
  try {
    value = JSON.parse(rest);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  if (value.every((item) => typeof item === 'string')) return value;
  throw new BuildError('DOCKERFILE_INSTRUCTION', 'the JSON form takes strings only', {
    remedy: 'Put every element of the array in double quotes.',
  });
}
