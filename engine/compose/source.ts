import {BuildError, type ErrorCode, type ErrorDetails} from '../base/errors.js';

/** One file that was read, and where its relative paths start. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  /** As messages name it. */
  readonly label: string;
  readonly text: string;
  /** Absolute directory that relative paths in the file belong to. */
  readonly directory: string;
}

/** Offsets into the text of a file; `end` is exclusive. */
export interface Position {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** Line (1-based) and the columns (1-based, end exclusive) within it that a position covers. */
export function linesOf({file, start, end}: Position): Pick<Required<ErrorDetails>, 'range' | 'columns'> {
  const before = file.text.slice(0, start);
  const line = before.split('\n').length;
  const lineStart = before.lastIndexOf('\n') + 1;
  const newline = file.text.indexOf('\n', start);
  const lineEnd = newline < 0 ? file.text.length : newline;
  const last = Math.max(start + 1, Math.min(end, lineEnd));
  return {
    range: {start: line, end: line},
    columns: {start: start - lineStart + 1, end: last - lineStart + 1},
  };
}

/** A BuildError with file, line, excerpt and caret. */
export function errorAt(code: ErrorCode, message: string, at: Position, remedy?: string): BuildError {
  const source = at.file.text;
  return new BuildError(code, message, {
    ...linesOf(at),
    ...{file: at.file.label, source},
    ...(remedy !== undefined && {remedy}),
  });
}
