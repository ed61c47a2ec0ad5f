import {stepError} from './byte-path.js';

type Token = {readonly kind: 'star'} | {readonly kind: 'one'; readonly fits: (char: number) => boolean};

/** Whether a path component holds an unescaped `*`, `?` or `[`. */
export function hasWildcard(component: string): boolean {
  for (let i = 0; i < component.length; i++) {
    if (component[i] === '\\') i++;
    else if (component[i] === '*' || component[i] === '?' || component[i] === '[') return true;
  }
  return false;
}

/**
 * Compiles one component of a pattern by the rules of Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a]`, `\` before a character that
 * stands for itself. Throws STEP_FAILED for a bad pattern.
 */
export function compileWildcard(pattern: string): (name: string) => boolean {
  const tokens = tokensOf(
    Array.from(pattern, (char) => char.codePointAt(0) ?? 0),
    pattern,
  );
  return (name) =>
    matches(
      tokens,
      Array.from(name, (char) => char.codePointAt(0) ?? 0),
    );
}

const [star, question, open, close, caret, backslash, dash] = [0x2a, 0x3f, 0x5b, 0x5d, 0x5e, 0x5c, 0x2d] as const;

function tokensOf(chars: readonly number[], pattern: string): readonly Token[] {
  const bad = (why: string) =>
    stepError(
      `the pattern ${JSON.stringify(pattern)} is wrong: ${why}`,
      'Write [a-z] for a class of characters, and \\ before a character that stands for itself.',
    );
  const tokens: Token[] = [];
  let at = 0;
  const single = (): number => {
    let char = chars[at];
    if (char === undefined || char === dash || char === close) throw bad('"[" without its "]"');
    if (char === backslash) char = chars[++at];
    if (char === undefined || at + 1 >= chars.length) throw bad('"[" without its "]"');
    at++;
    return char;
  };
  while (at < chars.length) {
    const char = chars[at++];
    if (char === star) tokens.push({kind: 'star'});
    else if (char === question) tokens.push({kind: 'one', fits: () => true});
    else if (char === open) {
      const negated = chars[at] === caret;
      if (negated) at++;
      const ranges: [number, number][] = [];
      while (chars[at] !== close || ranges.length === 0) {
        const low = single();
        if (chars[at] === dash) {
          at++;
          ranges.push([low, single()]);
        } else ranges.push([low, low]);
      }
      at++;
      tokens.push({kind: 'one', fits: (one) => ranges.some(([low, high]) => low <= one && one <= high) !== negated});
    } else {
      const literal = char === backslash ? chars[at++] : char;
      if (literal === undefined) throw bad('a backslash at its end');
      tokens.push({kind: 'one', fits: (one) => one === literal});
    }
  }
  return tokens;
}

/** On a mismatch only the last star takes more, which suffices; never more than length times length. */
function matches(tokens: readonly Token[], chars: readonly number[]): boolean {
  let [at, starAt, taken, index] = [0, -1, 0, 0];
  while (index < chars.length) {
    const token = tokens[at];
    if (token?.kind === 'star') {
      starAt = at++;
      taken = index;
    } else if (token !== undefined && token.fits(chars[index] ?? 0)) {
      at++;
      index++;
    } else if (starAt >= 0) {
      at = starAt + 1;
      index = ++taken;
    } else return false;
  }
  while (tokens[at]?.kind === 'star') at++;
  return at === tokens.length;
}
