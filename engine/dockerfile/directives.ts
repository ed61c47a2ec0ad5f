import {BuildError} from '../base/errors.js';
import type {Directives} from './ast.js';

const form = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

interface DirectiveReader {
  /**
   * True where the line is a parser directive. The first line that is none ends them for good (Dockerfile reference:
   * "Parser directives"). Throws BuildError DOCKERFILE_SYNTAX on a repeated directive and on a bad escape character.
   */
  read(line: string, number: number): boolean;
  escape(): '\\' | '`';
  result(): Directives;
}

export function createDirectiveReader(): DirectiveReader {
  const seen = new Map<string, {readonly value: string; readonly line: number}>();
  let done = false;
  const escape = () => (seen.get('escape')?.value === '`' ? '`' : '\\');

  return {
    read(line, number) {
      if (done) return false;
      const match = form.exec(line);
      const key = match?.[1]?.toLowerCase() ?? '';
      const value = match?.[2] ?? '';
      if (key !== 'syntax' && key !== 'escape' && key !== 'check') {
        done = true;
        return false;
      }
      const range = {start: number, end: number};
      const before = seen.get(key);
      if (before !== undefined) {
        throw new BuildError('DOCKERFILE_SYNTAX', `the parser directive "${key}" is given twice`, {
          range,
          remedy: `Line ${before.line} gives it already; keep one of them.`,
        });
      }
      if (key === 'escape' && value !== '\\' && value !== '`') {
        throw new BuildError('DOCKERFILE_SYNTAX', `invalid escape character "${value}"`, {
          range,
          remedy: 'The escape directive takes \\ or `.',
        });
      }
      seen.set(key, {value, line: number});
      return true;
    },
    escape,
    result: () => ({syntax: seen.get('syntax')?.value, escape: escape(), check: seen.get('check')?.value}),
  };
}
