import {BuildError} from '../base/errors.js';
import type {ErrorCode, ErrorDetails} from '../base/errors.js';
import type {Dockerfile, Instruction} from './ast.js';

/** What a statement is parsed from; without `dockerfile` errors carry the range only. */
export interface Context {
  readonly instruction: Instruction;
  readonly dockerfile: Pick<Dockerfile, 'file' | 'text' | 'directives'> | undefined;
}

/** Place of `token` in the instruction's own lines: its line, and the columns it takes there. */
function locate(text: string, {range, heredocs}: Instruction, token: string): ErrorDetails | undefined {
  const bodies = heredocs.reduce((sum, {content}) => sum + content.split('\n').length, 0);
  const lines = text.split('\n', range.end).slice(range.start - 1, Math.max(range.start, range.end - bodies));
  for (const [index, line] of lines.entries()) {
    if (line.trimStart().startsWith('#')) continue;
    const column = line.indexOf(token);
    if (column === -1) continue;
    const number = range.start + index;
    return {range: {start: number, end: number}, columns: {start: column + 1, end: column + 1 + token.length}};
  }
  return undefined;
}

/** The error for a mistake in one instruction; `token` is the text it is about, as it stands in the file. */
export function failure(
  {instruction, dockerfile}: Context,
  code: ErrorCode,
  message: string,
  about: {readonly token?: string | undefined; readonly remedy?: string | undefined} = {},
): BuildError {
  const {token, remedy} = about;
  const place =
    dockerfile === undefined || token === undefined || token === ''
      ? undefined
      : locate(dockerfile.text, instruction, token);
  return new BuildError(code, message, {
    range: instruction.range,
    ...place,
    ...(dockerfile === undefined ? {} : {file: dockerfile.file, source: dockerfile.text}),
    ...(remedy === undefined ? {} : {remedy}),
  });
}
