import {goRegExp, type Part} from './go-regexp.js';

/** Tells whether a path (`/` between components) is what the pattern names; parents are the caller's business. */
export type PathTest = (path: string) => boolean;

/** Column (0-based) and reason of the first thing that Go's `filepath.Match` refuses in `pattern`. */
export function patternFault(pattern: string): {readonly at: number; readonly reason: string} | undefined {
  const chars = Array.from(pattern);
  for (let i = 0; i < chars.length; i++) {
    if (chars[i] === '\\') {
      if (i + 1 === chars.length) return {at: i, reason: 'a backslash at its end escapes nothing'};
      i++;
    } else if (chars[i] === '[') {
      const start = i++;
      if (chars[i] === '^') i++;
      for (let count = 0; count === 0 || chars[i] !== ']'; count++) {
        for (const last of [false, true]) {
          const char = chars[i];
          if (char === undefined) return {at: start, reason: '"[" has no closing "]"'};
          if (char === '-' || char === ']')
            return {at: i, reason: `"${char}" inside "[…]" needs a backslash before it`};
          i += char === '\\' ? 2 : 1;
          if (i >= chars.length) return {at: start, reason: '"[" has no closing "]"'};
          if (last || chars[i] !== '-') break;
          i++;
        }
      }
    }
  }
  return undefined;
}

/**
 * Compiles one cleaned pattern as the builders' matcher does, oddities included, for what is sent has to be the same:
 * `*` and `?` stop at `/`, `**` does not; a pattern without any of `* ? [ ] \` is compared as it stands; a leading or
 * trailing `**` alone makes a suffix or prefix test; in all others `{2}`, `|` and `^` keep the meaning they have in a regular
 * expression, and so do escapes of letters (`\d`). Throws PatternSyntax.
 */
export function compilePattern(pattern: string): PathTest {
  const chars = Array.from(pattern);
  const parts: Part[] = [];
  let text = '';
  const script = (source: string) => {
    if (text !== '') parts.push({go: text});
    text = '';
    parts.push({script: source});
  };
  let kind: 'exact' | 'prefix' | 'suffix' | 'regexp' = 'exact';
  for (let i = 0, token = 0; i < chars.length; i++, token++) {
    const char = chars[i] ?? '';
    if (char === '*' && chars[i + 1] === '*') {
      i++;
      if (chars[i + 1] === '/') i++;
      if (i + 1 < chars.length) {
        if (insideClass(text)) text += '(.*/)?';
        else script('(?:[^\\n]*/)?');
        kind = 'regexp';
      } else if (kind === 'exact') {
        kind = 'prefix';
      } else {
        script('[^\\n]*');
        kind = 'regexp';
      }
      if (token === 0) kind = 'suffix';
    } else if (char === '*' || char === '?') {
      // Inside "[…]" the builders' own translation puts these very characters into the class.
      if (insideClass(text)) text += char === '*' ? '[^/]*' : '[^/]';
      else script(char === '*' ? '[^/]*' : '[^/]');
      kind = 'regexp';
    } else if (char === '\\') {
      if (i + 1 < chars.length) {
        text += `\\${chars[++i] ?? ''}`;
        kind = 'regexp';
      } else {
        text += '\\';
      }
    } else {
      if (char === '[' || char === ']') kind = 'regexp';
      text += '.+()$'.includes(char) ? `\\${char}` : char;
    }
  }
  if (text !== '') parts.push({go: text});
  if (kind === 'exact') return (path) => path === pattern;
  if (kind === 'prefix') {
    const prefix = pattern.slice(0, -2);
    return (path) => path.startsWith(prefix);
  }
  if (kind === 'suffix') {
    const suffix = pattern.slice(2);
    return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
  }
  const expression = goRegExp(parts);
  return (path) => expression.test(path);
}

/** True where `text` (Go syntax) ends within a character class. */
function insideClass(text: string): boolean {
  let start = -1;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '[' && start < 0) {
      start = text[i + 1] === '^' ? ++i : i;
    } else if (text[i] === ']' && start >= 0 && i > start + 1) start = -1;
  }
  return start >= 0;
}
