import {BuildError, quote} from '../base/errors.js';
import {replaceAll, replaceFirst, trimPrefix, trimSuffix} from './pattern.js';
import {isSpace} from './space.js';

export interface ExpandOptions {
  /** The file's escape character. Default `\`. */
  readonly escape?: '\\' | '`';
  /** Quotes stay in the result. Default false. */
  readonly rawQuotes?: boolean;
  /** Escape characters stay in the result. Default false. */
  readonly rawEscapes?: boolean;
  /** A reference to a variable that is not set stays as it is written. Default false: it becomes empty. */
  readonly keepUnset?: boolean;
  /** Quotes are ordinary characters (here-document bodies). Default false. */
  readonly ignoreQuotes?: boolean;
}

export interface Expanded {
  /** The whole word, quotes removed. */
  readonly value: string;
  /** The words it splits into: at unquoted space, also space that came from a variable. */
  readonly words: readonly string[];
  /** Variables that were looked up and had a value (an empty one counts). */
  readonly used: ReadonlySet<string>;
  /** Variables that were looked up and had none. */
  readonly unset: ReadonlySet<string>;
}

/** `${a:-${b:-…}}` nested deeper is refused: no real file comes near, and the call stack is finite. */
const mostNested = 200;
/** UTF-16 units of a result. A word that doubles itself must not take the machine's memory. */
const mostResult = 32 * 1024 * 1024;

const letterOrDigit = /[\p{L}\p{Nd}_]/u;
const digit = /\p{Nd}/u;
const specialParameters = '@*#?-$!0';

class WordList {
  readonly #words: string[] = [];
  #word = '';
  #inWord = false;

  /** A character outside quotes: space ends the word. */
  add(text: string): void {
    for (const character of text) {
      if (!isSpace(character)) this.addRaw(character);
      else if (this.#inWord && this.#word !== '') this.#end();
    }
  }

  addRaw(text: string): void {
    this.#word += text;
    this.#inWord = true;
  }

  #end(): void {
    this.#words.push(this.#word);
    this.#word = '';
    this.#inWord = false;
  }

  finish(): readonly string[] {
    if (this.#word !== '') this.#end();
    return this.#words;
  }
}

/** One pass over one word; holds the position and what was looked up. */
class Expander {
  readonly #text: readonly string[];
  readonly #source: string;
  readonly #env: ReadonlyMap<string, string>;
  readonly #options: ExpandOptions;
  readonly #escape: string;
  #at = 0;
  #depth = 0;
  readonly used = new Set<string>();
  readonly unset = new Set<string>();

  constructor(word: string, env: ReadonlyMap<string, string>, options: ExpandOptions) {
    this.#source = word;
    this.#text = Array.from(word);
    this.#env = env;
    this.#options = options;
    this.#escape = options.escape ?? '\\';
  }

  #fail(problem: string, remedy?: string): BuildError {
    const details = remedy === undefined ? {} : {remedy};
    return new BuildError('DOCKERFILE_WORD', `failed to process ${quote(this.#source)}: ${problem}`, details);
  }

  #peek(): string | undefined {
    return this.#text[this.#at];
  }

  #next(): string | undefined {
    return this.#text[this.#at++];
  }

  run(): Expanded {
    const words = new WordList();
    const value = this.#until(undefined, this.#options.rawEscapes ?? false, words);
    return {value, words: words.finish(), used: this.used, unset: this.unset};
  }

  /** Text up to `stop` (consumed), or to the end of the word where `stop` is undefined. */
  #until(stop: string | undefined, rawEscapes: boolean, words?: WordList): string {
    if (++this.#depth > mostNested) throw this.#fail(`substitutions are nested more than ${mostNested} deep`);
    let result = '';
    for (let character = this.#peek(); character !== undefined; character = this.#peek()) {
      if (character === stop) {
        this.#at++;
        this.#depth--;
        return result;
      }
      let piece: string;
      if (character === '$') {
        piece = this.#dollar();
        words?.add(piece);
      } else if ((character === "'" || character === '"') && this.#options.ignoreQuotes !== true) {
        piece = character === "'" ? this.#singleQuoted() : this.#doubleQuoted(rawEscapes);
        words?.addRaw(piece);
      } else if (character === '<') {
        piece = this.#heredocMark();
        words?.addRaw(piece);
      } else if (character === this.#escape) {
        this.#at++;
        const escaped = this.#next() ?? '';
        piece = rawEscapes ? character + escaped : escaped;
        if (piece !== '') words?.addRaw(piece);
      } else {
        this.#at++;
        piece = character;
        words?.add(piece);
      }
      result += piece;
      if (result.length > mostResult) throw this.#fail(`the result is longer than ${mostResult} characters`);
    }
    if (stop !== undefined) throw this.#fail(`"${stop}" is missing`, `Close the substitution with "}".`);
    this.#depth--;
    return result;
  }

  /** `<<` takes the space after it into its word, so that `<< EOF` is one; any other `<` is a character like others. */
  #heredocMark(): string {
    this.#at++;
    if (this.#peek() !== '<') return '<';
    const start = this.#at++;
    for (let next = this.#peek(); next !== undefined && isSpace(next); next = this.#peek()) this.#at++;
    return `<${this.#text.slice(start, this.#at).join('')}`;
  }

  #quoteMark(mark: string): string {
    return this.#options.rawQuotes === true ? mark : '';
  }

  #singleQuoted(): string {
    const start = ++this.#at;
    const end = this.#text.indexOf("'", start);
    if (end === -1)
      throw this.#fail(`the single quote (') is not closed`, `Close it, or write \\' for a quote character.`);
    this.#at = end + 1;
    const mark = this.#quoteMark("'");
    return mark + this.#text.slice(start, end).join('') + mark;
  }

  #doubleQuoted(rawEscapes: boolean): string {
    this.#at++;
    let result = this.#quoteMark('"');
    for (;;) {
      const character = this.#peek();
      if (character === undefined) {
        throw this.#fail(`the double quote (") is not closed`, `Close it, or write \\" for a quote character.`);
      }
      if (character === '$') {
        result += this.#dollar();
      } else {
        this.#at++;
        if (character === '"') return result + this.#quoteMark('"');
        result += character === this.#escape ? this.#escapedInQuotes(rawEscapes) : character;
      }
      if (result.length > mostResult) throw this.#fail(`the result is longer than ${mostResult} characters`);
    }
  }

  /** After the escape character in double quotes: it escapes `"`, `$` and itself, and is ordinary before all else. */
  #escapedInQuotes(rawEscapes: boolean): string {
    const kept = rawEscapes ? this.#escape : '';
    const next = this.#peek();
    if (next === undefined) return kept;
    if (next !== '"' && next !== '$' && next !== this.#escape) return kept + this.#escape;
    this.#at++;
    return kept + next;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() !== '{') {
      const name = this.#name();
      if (name === '') return '$';
      return this.#lookUp(name) ?? (this.#options.keepUnset === true ? `$${name}` : '');
    }
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw this.#fail('"}" is missing', 'Close the substitution with "}".');
    if (first === '{' || first === '}' || first === ':') {
      throw this.#fail('bad substitution: a variable name must follow "${"', 'Write \\$ for a dollar character.');
    }
    const name = this.#name();
    const modifier = this.#next();
    if (modifier === undefined) throw this.#fail('"}" is missing', 'Close the substitution with "}".');
    if (modifier === '}') return this.#lookUp(name) ?? (this.#options.keepUnset === true ? `\${${name}}` : '');
    if (modifier === '/') return this.#replacement(name);
    if (!':+-?#%'.includes(modifier)) throw this.#unsupported(name, modifier);
    return this.#modified(name, modifier);
  }

  #unsupported(name: string, modifier: string): BuildError {
    return this.#fail(
      `unsupported modifier (${modifier}) in substitution${name === '' ? '' : ` of ${name}`}`,
      'The modifiers are :- - :+ + :? ? # ## % %% / and //.',
    );
  }

  #lookUp(name: string): string | undefined {
    const value = this.#env.get(name);
    (value === undefined ? this.unset : this.used).add(name);
    return value;
  }

  /** Letters, digits and `_`; only digits where it starts with one; or one special parameter of the shell. */
  #name(): string {
    const first = this.#peek();
    if (first === undefined) return '';
    if (!digit.test(first) && specialParameters.includes(first)) {
      this.#at++;
      return first;
    }
    const allowed = digit.test(first) ? digit : letterOrDigit;
    const start = this.#at;
    for (let character = this.#peek(); character !== undefined && allowed.test(character); character = this.#peek()) {
      this.#at++;
    }
    return this.#text.slice(start, this.#at).join('');
  }

  /** `${name:-word}`, `-`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%`, `%%`. */
  #modified(name: string, first: string): string {
    const emptyIsUnset = first === ':';
    const modifier = emptyIsUnset ? (this.#next() ?? '') : first;
    const written = emptyIsUnset ? `:${modifier}` : modifier;
    const trims = modifier === '#' || modifier === '%';
    if (emptyIsUnset && trims) throw this.#unsupported(name, written);
    // `:0:3` and the like belong to a shell: whoever keeps unset references keeps these too.
    const word = this.#until('}', trims);
    const value = this.#lookUp(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${written}${word}}`;
    if (!trims && modifier !== '-' && modifier !== '+' && modifier !== '?') {
      throw this.#unsupported(name, written);
    }
    const missing = value === undefined || (emptyIsUnset && value === '');
    switch (modifier) {
      case '-':
        return missing ? word : value;
      case '+':
        return missing ? '' : word;
      case '?':
        if (!missing) return value;
        throw this.#fail(
          `${name}: ${word !== '' ? word : `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`,
          `Give ${name} a value, for example with --build-arg ${name}=….`,
        );
      default: {
        const greedy = word.startsWith(modifier);
        const pattern = greedy ? word.slice(1) : word;
        return modifier === '#' ? trimPrefix(value ?? '', pattern, greedy) : trimSuffix(value ?? '', pattern, greedy);
      }
    }
  }

  #replacement(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#at++;
    const pattern = this.#until('/', true);
    const replacement = this.#until('}', true);
    const value = this.#lookUp(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`;
    return (all ? replaceAll : replaceFirst)(value ?? '', pattern, replacement);
  }
}

/**
 * Expands variables and removes quotes and escapes as the published frontend's shell lexer does (Dockerfile reference:
 * "Environment replacement"). Throws BuildError DOCKERFILE_WORD on a bad word; the caller adds file and range.
 */
export function expand(word: string, env: ReadonlyMap<string, string>, options: ExpandOptions = {}): Expanded {
  return new Expander(word, env, options).run();
}

/** `expand(…).value`. */
export function expandWord(word: string, env: ReadonlyMap<string, string>, options: ExpandOptions = {}): string {
  return expand(word, env, options).value;
}

/** `expand(…).words`: one word may become none (an unset variable) or several (`EXPOSE $PORTS`). */
export function expandWords(
  word: string,
  env: ReadonlyMap<string, string>,
  options: ExpandOptions = {},
): readonly string[] {
  return expand(word, env, options).words;
}
