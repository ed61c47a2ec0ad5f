import {BuildError} from '../base/errors.js';
import type {SourceRange} from '../base/errors.js';
import type {Directives, Heredoc} from './ast.js';
import {createDirectiveReader} from './directives.js';
import {takeFlags} from './flags.js';
import {heredocWordsOf} from './heredoc.js';
import {blanks, trim, trimStart} from './space.js';
import {jsonForm} from './words.js';

/** A stretch of the file. The raw texts of all pieces, joined, are the file. */
export interface Piece {
  readonly kind: 'blank' | 'comment' | 'directive' | 'instruction';
  readonly raw: string;
  readonly range: SourceRange;
}

export interface LogicalLine {
  /** Continuations joined, comment lines and empty lines left out, here-document bodies not included. */
  readonly text: string;
  readonly range: SourceRange;
  readonly heredocs: readonly Heredoc[];
  readonly comments: readonly string[];
  /** Lines that are empty inside a continuation (check NoEmptyContinuation). */
  readonly emptyLines: readonly number[];
}

export interface Scan {
  readonly directives: Directives;
  readonly pieces: readonly Piece[];
  readonly lines: readonly LogicalLine[];
}

/** Lines with their ends; `\n` ends a line, a `\r` before it belongs to the end. */
function splitLines(text: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const next = end === -1 ? text.length : end + 1;
    lines.push(text.slice(at, next));
    at = next;
  }
  return lines;
}

/** The line without `\r` and `\n` at its end. */
function withoutEnd(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--;
  return line.slice(0, end);
}

const isComment = (line: string): boolean => trimStart(line).startsWith('#');

/** The line's text before its continuation mark, or undefined where it ends the logical line. An escaped mark is none. */
function beforeContinuation(line: string, escape: string): string | undefined {
  let end = line.length;
  while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--;
  if (end === 0 || line[end - 1] !== escape || line[end - 2] === escape) return undefined;
  return line.slice(0, end - 1);
}

/** RUN, COPY and ADD take here-documents, ONBUILD for one of them; never in the JSON form. */
function mayOpenHeredoc(logical: string, nested = false): boolean {
  const [keyword = '', ...more] = trim(logical).split(blanks, 2);
  if (more.length === 0) return false;
  const rest = trim(takeFlags(trim(logical).slice(keyword.length)).rest);
  const upper = keyword.toUpperCase();
  if (upper === 'ONBUILD' && !nested) return mayOpenHeredoc(rest, true);
  if (upper !== 'RUN' && upper !== 'COPY' && upper !== 'ADD') return false;
  try {
    return jsonForm(rest) === undefined;
  } catch {
    return false;
  }
}

/**
 * Finds the logical instructions of a Dockerfile: parser directives, comments, continuations, here-documents and their
 * lines. Says nothing about what an instruction means. Linear in the text. Throws BuildError DOCKERFILE_SYNTAX.
 */
export function scan(text: string): Scan {
  const physical = splitLines(text);
  const directives = createDirectiveReader();
  const pieces: Piece[] = [];
  const lines: LogicalLine[] = [];
  let comments: string[] = [];
  let at = 0;

  const take = (kind: Piece['kind'], from: number): SourceRange => {
    const range = {start: from + 1, end: at};
    pieces.push({kind, raw: physical.slice(from, at).join(''), range});
    return range;
  };

  while (at < physical.length) {
    const from = at;
    const bare = withoutEnd(physical[at] ?? '');
    // A byte order mark is no part of the first line.
    const line = at === 0 && bare.startsWith('\ufeff') ? bare.slice(1) : bare;
    const first = trimStart(line);
    at++;
    if (directives.read(first, at)) {
      comments = [];
      take('directive', from);
    } else if (first.startsWith('#')) {
      // As the published frontend takes it, for which an indented comment begins with its mark.
      const comment = trim(line.slice(1));
      if (comment === '') comments = [];
      else comments.push(comment);
      take('comment', from);
    } else if (first === '') {
      take('blank', from);
    } else {
      const joined = joinContinuations(physical, at, first, directives.escape());
      at = joined.next;
      const heredocs = readBodies(physical, joined, from);
      at = heredocs.next;
      const range = take('instruction', from);
      lines.push({text: joined.text, range, heredocs: heredocs.heredocs, comments, emptyLines: joined.emptyLines});
      comments = [];
    }
  }
  return {directives: directives.result(), pieces, lines};
}

interface Joined {
  readonly text: string;
  readonly emptyLines: readonly number[];
  /** Index of the physical line after the logical one. */
  readonly next: number;
}

function joinContinuations(physical: readonly string[], start: number, first: string, escape: string): Joined {
  const parts: string[] = [];
  const emptyLines: number[] = [];
  let at = start;
  let line = first;
  for (;;) {
    const before = beforeContinuation(line, escape);
    parts.push(before ?? line);
    if (before === undefined) break;
    // Comment lines and empty lines inside a continuation do not end it.
    let next = physical[at];
    while (next !== undefined && (isComment(next) || trimStart(next) === '')) {
      at++;
      if (!isComment(next)) emptyLines.push(at);
      next = physical[at];
    }
    if (next === undefined) break;
    at++;
    line = withoutEnd(next);
  }
  return {text: parts.join(''), emptyLines, next: at};
}

function readBodies(
  physical: readonly string[],
  joined: Joined,
  from: number,
): {readonly heredocs: readonly Heredoc[]; readonly next: number} {
  let at = joined.next;
  if (!joined.text.includes('<<') || !mayOpenHeredoc(joined.text)) return {heredocs: [], next: at};
  const heredocs = heredocWordsOf(joined.text).map((word): Heredoc => {
    const start = at;
    for (; at < physical.length; at++) {
      const line = withoutEnd(physical[at] ?? '');
      if ((word.chomp ? line.replace(/^\t+/, '') : line) === word.name) {
        return {...word, content: physical.slice(start, at++).join('')};
      }
    }
    throw new BuildError('DOCKERFILE_SYNTAX', `the here-document <<${word.name} is not closed`, {
      range: {start: from + 1, end: joined.next},
      remedy: `Put a line that holds only ${word.name} after its text.`,
    });
  });
  return {heredocs, next: at};
}
