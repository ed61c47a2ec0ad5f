import {BuildError, quote} from '../../base/errors.js';
import {cleanPath, trimSpace} from './clean-path.js';
import {PatternSyntax} from './go-regexp.js';
import {packageIgnores} from './package-matcher.js';
import {compilePattern, patternFault, type PathTest} from './pattern.js';

/** One line of an ignore file that holds a pattern. */
export interface IgnoreRule {
  /** As written, without surrounding white space; with its `!`. */
  readonly pattern: string;
  /** 1-based; 0 for a rule that no file holds. */
  readonly line: number;
  readonly negated: boolean;
  /** The pattern that is matched: cleaned, relative to the context's root, without the `!`. */
  readonly cleaned: string;
}

/** What a directory leaves to those below it: which rules matched it. Held per directory during a walk. */
export interface MatchState {
  readonly ignored: boolean;
  /** The rule that decided; undefined where none matched. */
  readonly rule: IgnoreRule | undefined;
  readonly matched: Uint8Array;
}

export interface IgnoreRules {
  /** As builders hand them on: cleaned, `!` first. */
  readonly patterns: readonly string[];
  readonly rules: readonly IgnoreRule[];
  /** `path` is relative to the context's root, `/` between components. Parents count: `a` ignores `a/b`. */
  ignores(path: string): boolean;
  /** The rule that decided about `path`, undefined where none did (the path is sent). */
  ruleOf(path: string): IgnoreRule | undefined;
  /** Decision for `path`, whose parent directory (undefined: the root) has the state `parent`. */
  match(path: string, parent: MatchState | undefined): MatchState;
  /** Whether a later `!` rule may send something below this ignored directory, so that it has to be read. */
  mayHoldSent(directory: string): boolean;
}

interface Compiled extends IgnoreRule {
  readonly test: PathTest;
}

/**
 * Rules of a `.dockerignore` text (`file`: its name, for errors). A line that starts with `#` is a comment; the last rule that
 * matches decides; `!` sends again. Throws BuildError IGNORE_PATTERN with the line for what builders refuse.
 */
export function parseIgnore(text: string, file = '.dockerignore'): IgnoreRules {
  const compiled: Compiled[] = [];
  text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .forEach((written, index) => {
      const line = written.replace(/\r$/, '');
      if (line.startsWith('#')) return;
      const pattern = trimSpace(line);
      if (pattern !== '') compiled.push(compileRule(pattern, index + 1, {file, source: text, line}));
    });
  return rulesOf(compiled);
}

/**
 * Rules of patterns that stand for themselves, as builders hand them on: `#` begins no comment. Throws BuildError
 * IGNORE_PATTERN.
 */
export function rulesOfPatterns(patterns: readonly string[]): IgnoreRules {
  return withRules(
    rulesOf([]),
    patterns.map(trimSpace).filter((pattern) => pattern !== ''),
  );
}

/** The rules followed by others that no file holds, as `!Dockerfile`. */
export function withRules(rules: IgnoreRules, patterns: readonly string[]): IgnoreRules {
  const added = patterns.map((pattern) => compileRule(pattern, 0, {file: '', source: '', line: pattern}));
  return rulesOf([...rules.rules.map((rule) => ({...rule, test: compilePattern(rule.cleaned)})), ...added]);
}

interface Place {
  readonly file: string;
  readonly source: string;
  readonly line: string;
}

function compileRule(pattern: string, line: number, place: Place): Compiled {
  const refuse = (reason: string, at = 0, length = pattern.length): never => {
    const start = place.line.indexOf(pattern) + at + 1;
    throw new BuildError('IGNORE_PATTERN', `ignore pattern ${quote(pattern)}: ${reason}`, {
      file: place.file,
      source: place.source,
      range: {start: line, end: line},
      columns: {start, end: start + length},
      remedy:
        'A pattern is a path in which *, ? and […] stand for characters, ** for directories, and \\ before one of them takes it as it is.',
    });
  };
  const spelled = asBuildersSpell(pattern);
  const negated = spelled.startsWith('!');
  const cleaned = negated ? spelled.slice(1) : spelled;
  if (cleaned === '') refuse('"!" needs a path after it');
  const fault = patternFault(cleaned);
  if (fault !== undefined) {
    const shift = pattern.indexOf(cleaned);
    if (shift < 0) refuse(fault.reason);
    else refuse(fault.reason, shift + fault.at, 1);
  }
  try {
    return {pattern, line, negated, cleaned, test: compilePattern(cleaned)};
  } catch (error) {
    if (error instanceof PatternSyntax) return refuse(error.message);
    throw error;
  }
}

/** The two cleanings that builders do, one when the file is read and one when the matcher is made. */
function asBuildersSpell(pattern: string): string {
  const negated = pattern.startsWith('!');
  let path = negated ? trimSpace(pattern.slice(1)) : pattern;
  if (path !== '') path = cleanPath(path);
  if (path.length > 1 && path.startsWith('/')) path = path.slice(1);
  return cleanPath(trimSpace(negated ? `!${path}` : path));
}

function rulesOf(rules: readonly Compiled[]): IgnoreRules {
  const match = (path: string, parent: MatchState | undefined): MatchState => {
    const matched = new Uint8Array(rules.length);
    let ignored = false;
    let decided: IgnoreRule | undefined;
    for (let i = 0; i < rules.length; i++) {
      const rule = rules[i];
      if (rule === undefined) break;
      if (parent?.matched[i] !== 1) {
        // Builders do not ask a rule that could change nothing, nor do they remember its answer for what is below.
        if (rule.negated !== ignored || !rule.test(path)) continue;
      }
      matched[i] = 1;
      if (ignored === rule.negated) {
        ignored = !rule.negated;
        decided = rule;
      }
    }
    return {ignored, rule: decided, matched};
  };
  const stateOf = (path: string): MatchState => {
    let state: MatchState | undefined;
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) state = match(path.slice(0, at), state);
    return match(path, state);
  };
  const byPackage = packageIgnores(rules);
  const descent = rules
    .filter((rule) => rule.negated)
    .map((rule) => rule.cleaned.replace(/\/\*\*$/, '').replace(/\/\*$/, ''));
  const plainDescent = descent.every((path) => !/[*[\]?^\\]/.test(path));
  return {
    rules: rules.map(({pattern, line, negated, cleaned}) => ({pattern, line, negated, cleaned})),
    patterns: rules.map((rule) => `${rule.negated ? '!' : ''}${rule.cleaned}`),
    match,
    ignores(path) {
      const clean = cleanPath(path).replace(/^\//, '');
      if (clean === '.' || clean === '') return false;
      return byPackage?.(clean) ?? stateOf(clean).ignored;
    },
    ruleOf(path) {
      const clean = cleanPath(path).replace(/^\//, '');
      const rule = clean === '.' || clean === '' ? undefined : stateOf(clean).rule;
      return rule === undefined
        ? undefined
        : {pattern: rule.pattern, line: rule.line, negated: rule.negated, cleaned: rule.cleaned};
    },
    mayHoldSent: (directory) => !plainDescent || descent.some((path) => `${path}/`.startsWith(`${directory}/`)),
  };
}
