import {compilePattern, patternFault, type PathTest} from '../../../context/ignore/pattern.js';
import {cleanPath, trimSpace} from '../../../context/ignore/clean-path.js';
import {stepError} from './byte-path.js';

/** Which patterns matched a directory; handed on to what is below it. */
export interface Matched {
  readonly matched: boolean;
  readonly each: Uint8Array;
}

/** Patterns of --exclude and --parents: the last that matches decides, `!` takes back, parents count. */
export interface PathPatterns {
  /** `path` relative to the source, `/` between components; `parent` is undefined for the source's own children. */
  match(path: string, parent: Matched | undefined): Matched;
}

/** Throws STEP_FAILED for a bad pattern. Undefined where there is none. */
export function compilePatterns(patterns: readonly string[], flag: string): PathPatterns | undefined {
  const rules = patterns.flatMap((written) => {
    const trimmed = trimSpace(written);
    if (trimmed === '') return [];
    const cleaned = cleanPath(trimmed);
    const negated = cleaned.startsWith('!');
    const pattern = negated ? cleaned.slice(1) : cleaned;
    return [{negated, test: compile(pattern, flag)}];
  });
  if (rules.length === 0) return undefined;
  return {
    match(path, parent) {
      const each = new Uint8Array(rules.length);
      let matched = false;
      rules.forEach((rule, index) => {
        if (parent?.each[index] !== 1 && (rule.negated !== matched || !rule.test(path))) return;
        each[index] = 1;
        matched = !rule.negated;
      });
      return {matched, each};
    },
  };
}

function compile(pattern: string, flag: string): PathTest {
  const fault = pattern === '' ? {reason: '"!" needs a path after it'} : patternFault(pattern);
  if (fault !== undefined) throw stepError(`${flag} ${JSON.stringify(pattern)}: ${fault.reason}`);
  return compilePattern(pattern);
}
