import type {BuildError, SourceColumns, SourceRange} from './errors.js';
import {visible} from './visible.js';

const contextLines = 2;
const mostLines = 12;

/** Lines around `range` with their numbers, `>` before those of the range, and a caret line under the first. */
export function excerpt(source: string, range: SourceRange, columns?: SourceColumns): string {
  const lines = source.split(/\r?\n/);
  const first = Math.max(1, range.start - contextLines);
  const last = Math.min(lines.length, Math.min(range.end, range.start + mostLines) + contextLines);
  const width = String(last).length;
  const out: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = visible(lines[number - 1] ?? '').replaceAll('\t', ' ');
    const inside = number >= range.start && number <= range.end;
    // The last line of a file that ends in a newline is not a line.
    if (number === lines.length && text === '' && !inside) continue;
    out.push(`${inside ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd());
    if (number === range.start && columns !== undefined) {
      const caret = '^'.repeat(Math.max(1, Math.min(columns.end, text.length + 1) - columns.start));
      out.push(`  ${' '.repeat(width)} | ${' '.repeat(columns.start - 1)}${caret}`);
    }
  }
  return out.join('\n');
}

/**
 * The error as its reader sees it: `file:line: message`, the excerpt with a caret where the position is known, and what
 * to do. No stack trace. The caller redacts.
 */
export function formatError(error: BuildError): string {
  const {file, range, source, columns, remedy} = error.details;
  const where = file === undefined ? '' : `${file}${range === undefined ? '' : `:${range.start}`}: `;
  const parts = [visible(`${where}${error.message}`)];
  if (source !== undefined && range !== undefined) parts.push(excerpt(source, range, columns));
  if (remedy !== undefined) parts.push(remedy);
  return parts.join('\n');
}
