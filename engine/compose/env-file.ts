import {errorAt, type SourceFile} from './source.js';
import {type Lookup, substitute, TemplateError, type Variable} from './substitute.js';

const blank = /[\t\v\f\r \u0085\u00a0]*/y;
const exportWord = /export[\t\v\f\r \u0085\u00a0]+/y;
const keyCharacter = /[\p{L}\p{N}_.[\]\t\v\f\r \u0085\u00a0-]/u;
const goEscapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};

/**
 * Reads a `.env` file by Compose's rules ("Set, use, and manage variables in a Compose file with environment
 * variables", .env file syntax): `export`, `KEY=`, `KEY:`, values in single or double quotes over several lines, ` #`
 * comments, interpolation outside single quotes. The caller's environment wins over the file, also inside values.
 * A later line wins over an earlier one. Throws BuildError with the line.
 */
export function parseEnvFile(file: SourceFile, outer: Lookup): ReadonlyMap<string, string> {
  const text = file.text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const normal: SourceFile = {...file, text};
  const values = new Map<string, string>();
  const lookup: Lookup = {
    get: (name) => outer.get(name) ?? own(name),
    unset: (name) => outer.unset(name),
  };
  const own = (name: string): Variable | undefined => {
    const value = values.get(name);
    return value === undefined ? undefined : {value, origin: '.env'};
  };
  const expand = (value: string, start: number, end: number): string => {
    try {
      return substitute(value, lookup).text;
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const at = {file: normal, start, end};
      throw errorAt('COMPOSE_INTERPOLATION', error.message, at, error.remedy);
    }
  };

  let at = statementStart(text, 0);
  while (at < text.length) {
    at += match(exportWord, text, at).length;
    const key = readKey(normal, at);
    at = key.end;
    if (key.inherited) {
      // `KEY` alone takes what the environment has.
      const found = outer.get(key.name);
      if (found !== undefined) values.set(key.name, found.value);
    } else {
      at += match(blank, text, at).length;
      const value = readValue(normal, at);
      const result = value.expand ? expand(value.text, at, value.end) : value.text;
      if (key.name !== '') values.set(key.name, result);
      at = value.end;
    }
    at = statementStart(text, at);
  }
  return values;
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** Passes over white space and comment lines. */
function statementStart(text: string, from: number): number {
  let at = from;
  while (at < text.length) {
    if (/\s/.test(text[at] ?? '')) {
      at++;
    } else if (text[at] === '#') {
      const newline = text.indexOf('\n', at);
      at = newline < 0 ? text.length : newline;
    } else {
      break;
    }
  }
  return at;
}

interface Key {
  readonly name: string;
  readonly inherited: boolean;
  /** Offset after `=`, `:` or the newline. */
  readonly end: number;
}

function readKey(file: SourceFile, start: number): Key {
  const {text} = file;
  let end = start;
  while (end < text.length && !'=:\n'.includes(text[end] ?? '')) {
    const character = String.fromCodePoint(text.codePointAt(end) ?? 0);
    if (!keyCharacter.test(character)) {
      throw errorAt(
        'COMPOSE_SYNTAX',
        `the name of a variable cannot hold ${JSON.stringify(character)}`,
        {file, start: end, end: end + character.length},
        'A line is NAME=value; a value with spaces or quotes after it needs quotes around all of it.',
      );
    }
    end += character.length;
  }
  const name = text.slice(start, end).trimEnd();
  if (name.includes(' ')) {
    throw errorAt(
      'COMPOSE_SYNTAX',
      'the name of a variable cannot hold a space',
      {file, start, end: start + name.length},
      'A line is NAME=value, or export NAME=value.',
    );
  }
  const stopped = text[end];
  return {name, inherited: stopped === undefined || stopped === '\n', end: Math.min(text.length, end + 1)};
}

interface Value {
  readonly text: string;
  readonly expand: boolean;
  readonly end: number;
}

function readValue(file: SourceFile, start: number): Value {
  const {text} = file;
  const quote = text[start];
  if (quote !== '"' && quote !== "'") {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end);
    const comment = line.indexOf(' #');
    return {text: (comment < 0 ? line : line.slice(0, comment)).trimEnd(), expand: true, end};
  }
  let value = '';
  for (let i = start + 1; i < text.length; i++) {
    const character = text[i] ?? '';
    if (character === quote) {
      return quote === '"'
        ? {text: unescape(value), expand: true, end: i + 1}
        : {text: value, expand: false, end: i + 1};
    }
    if (character !== '\\') {
      value += character;
      continue;
    }
    // Here only the quote itself loses its backslash; a pair of backslashes is left for `unescape`.
    const next = text[++i];
    if (next === undefined) break;
    value += next === quote ? next : `\\${next}`;
  }
  throw errorAt(
    'COMPOSE_SYNTAX',
    'the value is never closed by its quote',
    {file, start, end: text.length},
    `End the value with ${quote}.`,
  );
}

/** Escapes of a double-quoted value; `\$` becomes the `$$` of interpolation. Unknown ones stay as they are. */
function unescape(value: string): string {
  return value.replaceAll(/\\([abcfnrtv$"\\]|0\d{0,3})/g, (whole, letter: string) => {
    if (letter === '$') return '$$';
    if (letter.startsWith('0')) {
      const octal = letter.slice(1);
      return /^[0-3][0-7]{2}$/.test(octal) ? String.fromCodePoint(Number.parseInt(octal, 8)) : `\\${octal}`;
    }
    return goEscapes[letter] ?? whole;
  });
}
