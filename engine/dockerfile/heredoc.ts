import {BuildError} from '../base/errors.js';
import type {Heredoc} from './ast.js';
import {expand, expandWord, type Expanded} from './expand.js';

const none: ReadonlyMap<string, string> = new Map();

/** What a `<<NAME` word says, before its body is read. */
export type HeredocWord = Omit<Heredoc, 'content'>;

/** A variable with a modifier makes no delimiter; a plain one stands for itself. */
const modified = /\$\{[^{}]*[^\p{L}\p{Nd}_{}]/u;

const quotes = (text: string): number => text.replace(/[^"']/g, '').length;

/**
 * The here-document a word opens, or undefined where it opens none: `<<` has to start the word, a file descriptor number
 * may stand before it (`3<<EOF`). A quote in the delimiter turns expansion off, an escaped one does not. The delimiter's
 * own escape is always `\`, whatever the file's directive says.
 */
export function parseHeredocWord(word: string): HeredocWord | undefined {
  const match = /^\d*<<(-?)([^<]*)$/.exec(word);
  const delimiter = match?.[2]?.trimStart();
  if (match === null || delimiter === undefined || delimiter === '' || modified.test(delimiter)) return undefined;
  try {
    const plain = expand(delimiter, none, {keepUnset: true}).words;
    const raw = expand(delimiter, none, {keepUnset: true, rawQuotes: true, rawEscapes: true}).words;
    const name = plain[0];
    if (plain.length !== 1 || raw.length !== 1 || name === undefined) return undefined;
    return {name, expand: quotes(name) === quotes(raw[0] ?? ''), chomp: match[1] === '-'};
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** The here-documents that a logical line opens, in their order. A line that is no list of shell words opens none. */
export function heredocWordsOf(line: string): HeredocWord[] {
  if (!line.includes('<<')) return [];
  try {
    const {words} = expand(line, none, {keepUnset: true, rawQuotes: true, rawEscapes: true});
    return words.flatMap((word) => parseHeredocWord(word) ?? []);
  } catch (error) {
    if (error instanceof BuildError) return [];
    throw error;
  }
}

/** The body without the leading tabs of its lines (`<<-`). */
export function chompTabs(content: string): string {
  return content.replace(/^\t+/gm, '');
}

/** The body as it is used: tabs removed where `<<-` asks for it, nothing expanded. */
export function heredocBody(heredoc: Heredoc): string {
  return heredoc.chomp ? chompTabs(heredoc.content) : heredoc.content;
}

/**
 * The content of the file that `COPY <<NAME` makes: variables expanded unless the delimiter is quoted; quotes are ordinary
 * characters, and the escape is always `\`. Throws BuildError DOCKERFILE_WORD.
 */
export function expandHeredoc(heredoc: Heredoc, env: ReadonlyMap<string, string>): string {
  const body = heredocBody(heredoc);
  return heredoc.expand ? expandWord(body, env, {ignoreQuotes: true}) : body;
}

/** As `expandHeredoc`, with the names that were looked up. */
export function expandHeredocWithNames(heredoc: Heredoc, env: ReadonlyMap<string, string>): Expanded {
  const body = heredocBody(heredoc);
  if (heredoc.expand) return expand(body, env, {ignoreQuotes: true});
  return {value: body, words: [], used: new Set(), unset: new Set()};
}

/** How the here-documents of a shell-form RUN reach its shell. */
export type RunScript =
  /** The command text for `sh -c`. */
  | {readonly kind: 'text'; readonly text: string}
  /** A script with `#!`: an executable file `/dev/pipes/<name>`, mounted read-only for the step, is the command. */
  | {readonly kind: 'file'; readonly name: string; readonly content: string};

/** `command` and `heredocs` of a shell-form RUN as the shell gets them. The builder expands nothing in them. */
export function runScript(command: string, heredocs: readonly Heredoc[]): RunScript {
  const first = heredocs[0];
  if (first === undefined) return {kind: 'text', text: command};
  if (parseHeredocWord(command) !== undefined) {
    const content = heredocBody(first);
    return first.content.startsWith('#!') ? {kind: 'file', name: first.name, content} : {kind: 'text', text: content};
  }
  return {kind: 'text', text: command + heredocs.map(({name, content}) => `\n${content}${name}`).join('')};
}
