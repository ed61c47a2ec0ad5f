import {BuildError, type ErrorCode, type SourceColumns, type SourceRange} from '../base/errors.js';
import type {Dockerfile} from '../dockerfile/ast.js';

export interface Place {
  readonly range: SourceRange;
  readonly columns?: SourceColumns;
}

/**
 * Where `token` stands within `range`: its line, and its columns; the whole range where it is not written there. `before`:
 * the text that the token follows, which is not underlined.
 */
export function placeOf(
  dockerfile: Dockerfile,
  range: SourceRange,
  token: string | undefined,
  before: string | undefined,
): Place {
  if (token === undefined || token === '') return {range};
  const prefix = before ?? '';
  const lines = dockerfile.text.split('\n');
  for (let line = range.start; line <= range.end; line++) {
    const found = (lines[line - 1] ?? '').indexOf(prefix + token);
    const at = found + prefix.length;
    if (found !== -1) return {range: {start: line, end: line}, columns: {start: at + 1, end: at + 1 + token.length}};
  }
  return {range};
}

export interface FailOptions {
  /** What the caret underlines. */
  readonly token?: string | undefined;
  /** What stands directly before it. */
  readonly before?: string | undefined;
  readonly remedy?: string | undefined;
  readonly code?: ErrorCode | undefined;
}

/** An error (DOCKERFILE_STAGE unless `code` says otherwise) with the position in the Dockerfile. */
export function failAt(
  dockerfile: Dockerfile,
  range: SourceRange,
  message: string,
  options: FailOptions = {},
): BuildError {
  const {token, before, remedy, code = 'DOCKERFILE_STAGE'} = options;
  return new BuildError(code, message, {
    file: dockerfile.file,
    source: dockerfile.text,
    ...placeOf(dockerfile, range, token, before),
    ...(remedy === undefined ? {} : {remedy}),
  });
}

/** Runs `work`; a BuildError from it gets the file and, where it has none, the range. */
export function within<T>(dockerfile: Dockerfile, range: SourceRange, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw error.with({file: dockerfile.file, source: dockerfile.text, range});
  }
}
