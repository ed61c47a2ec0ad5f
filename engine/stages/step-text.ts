import {BuildError} from '../base/errors.js';
import type {Dockerfile, Instruction} from '../dockerfile/ast.js';
import {expandWord, type ExpandOptions} from '../dockerfile/expand.js';

/** A word for people: in double quotes where it would not be one word otherwise. */
export function shown(word: string): string {
  return word !== '' && !/[\s"'\\]/.test(word) ? word : `"${word.replace(/["\\]/g, (found) => `\\${found}`)}"`;
}

/** `NAME=value NAME="a value"`. */
export function shownPairs(pairs: readonly (readonly [name: string, value: string])[]): string {
  return pairs.map(([name, value]) => `${shown(name)}=${value === '' ? '' : shown(value)}`).join(' ');
}

/** The logical line with its keyword in upper case. */
export function asWritten(instruction: Instruction): string {
  const text = instruction.original.trim();
  return text.replace(/^\S+/, (keyword) => keyword.toUpperCase());
}

/** The bodies of here-documents below the line that opens them. */
export function shownBodies(bodies: readonly {readonly name: string; readonly content: string}[]): string {
  return bodies.map(({name, content}) => `\n${content}${name}`).join('');
}

function expandedOrRaw(text: string, values: ReadonlyMap<string, string>, options: ExpandOptions): string {
  try {
    return expandWord(text, values, options);
  } catch (error) {
    if (error instanceof BuildError) return text;
    throw error;
  }
}

/** First line of a here-document, `...` after it where more follow. */
function heredocSummary(content: string): string {
  const [first = '', ...more] = content.trim().split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}

/**
 * What follows `[builder 3/7] ` in BuildKit's progress: the line with its variables expanded, quotes gone; for RUN the
 * quotes and the references without a value stay, since they are the shell's.
 */
export function progressText(
  dockerfile: Dockerfile,
  instruction: Instruction,
  values: ReadonlyMap<string, string>,
  onlyHeredoc: boolean,
): string {
  const {escape} = dockerfile.directives;
  const run = instruction.keyword === 'RUN';
  const [heredoc] = instruction.heredocs;
  const summary = run && onlyHeredoc && heredoc !== undefined ? ` (${heredocSummary(heredoc.content)})` : '';
  const options = run ? {escape, rawQuotes: true, keepUnset: true} : {escape};
  const text = expandedOrRaw(instruction.original.trim() + summary, values, options);
  return text.replace(/^\S+/, (keyword) => keyword.toUpperCase());
}

/** `[builder 3/7] `, the number as wide as the total; nothing where the stage has no numbered step. */
export function progressPrefix(stage: string, index: number, total: number, trigger: boolean): string {
  if (total === 0) return '';
  const number = String(index).padStart(String(total).length);
  return `[${stage === '' ? '' : `${stage} `}${number}/${total}] ${trigger ? 'ONBUILD ' : ''}`;
}
