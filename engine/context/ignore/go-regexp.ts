/**
 * Translates the regular expressions that builders make of ignore patterns from Go's syntax (RE2) to JavaScript's. Only
 * what such an expression can hold is known: no groups but the generated ones, and those are passed as `anything`.
 */

/** Part of an expression: text in Go's syntax, or a part that is generated and already JavaScript. */
export type Part = {readonly go: string} | {readonly script: string};

/** Thrown with what is wrong; the caller knows the line. */
export class PatternSyntax extends Error {}

const perl: Readonly<Record<string, string>> = {
  d: '0-9',
  s: '\\t\\n\\f\\r ',
  w: '0-9A-Za-z_',
};
const control: Readonly<Record<string, number>> = {a: 7, f: 12, n: 10, r: 13, t: 9, v: 11};
const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\u0000-\\u007f',
  blank: '\\t ',
  cntrl: '\\u0000-\\u001f\\u007f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

const literal = (char: string): string => {
  if (/[\^$\\.*+?()[\]{}|/-]/.test(char)) return char === '-' ? '\\u002d' : `\\${char}`;
  return char;
};

interface Scan {
  readonly chars: readonly string[];
  at: number;
}

/** One escaped character (the backslash is consumed): a code point, as in `\n`, `\x41`, `\*`. */
function escapedChar(scan: Scan): string {
  const char = scan.chars[scan.at++];
  if (char === undefined) throw new PatternSyntax('a backslash at its end escapes nothing');
  if (char.length === 1 && char < '\u0080' && !/[0-9A-Za-z]/.test(char)) return char;
  const code = control[char];
  if (code !== undefined) return String.fromCharCode(code);
  if (char === 'x') {
    const rest = scan.chars.slice(scan.at, scan.at + 10).join('');
    const hex = /^(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))/.exec(rest);
    const value = hex === null ? Infinity : parseInt(hex[1] ?? hex[2] ?? '', 16);
    if (hex !== null && value <= 0x10ffff) {
      scan.at += hex[0].length;
      return String.fromCodePoint(value);
    }
  }
  throw new PatternSyntax(`"\\${char}" is no escape that builders know`);
}

/** `\d`, `\S`, `\pL`, `\P{Greek}` after the backslash, as the inside of a class; undefined where it is none of them. */
function classEscape(scan: Scan): string | undefined {
  const char = scan.chars[scan.at] ?? '';
  const set = perl[char.toLowerCase()];
  if (set !== undefined) {
    scan.at++;
    if (perl[char] !== undefined) return set;
    // A negated set inside a class, which may hold other members: spelled out, as no set operation is at hand.
    return {
      D: '\\u0000-/:-\\u{10ffff}',
      S: '\\u0000-\\u0008\\u000b\\u000e-\\u001f!-\\u{10ffff}',
      W: '\\u0000-/:-@\\[-\\^`\\{-\\u{10ffff}',
    }[char];
  }
  if (char !== 'p' && char !== 'P') return undefined;
  const name = /^(?:\{(\^?)([A-Za-z_]+)\}|()([A-Z]))/.exec(scan.chars.slice(scan.at + 1, scan.at + 40).join(''));
  if (name === null) throw new PatternSyntax(`"\\${char}" is not followed by a character class`);
  scan.at += 1 + name[0].length;
  const negated = (char === 'P') !== (name[1] === '^');
  const property = name[2] ?? name[4] ?? '';
  const spelled = property.length <= 2 ? property : `Script=${property}`;
  return `\\${negated ? 'P' : 'p'}{${spelled}}`;
}

/** `[…]`, the opening bracket consumed. */
function characterClass(scan: Scan): string {
  let out = '[';
  if (scan.chars[scan.at] === '^') {
    out += '^';
    scan.at++;
  }
  for (let first = true; scan.chars[scan.at] !== ']' || first; first = false) {
    if (scan.at >= scan.chars.length) throw new PatternSyntax('"[" has no closing "]"');
    if (scan.chars[scan.at] === '[' && scan.chars[scan.at + 1] === ':') {
      const name = /^\[:(\^?)(.*?):\]/su.exec(scan.chars.slice(scan.at).join(''));
      if (name !== null) {
        const set = posix[name[2] ?? ''];
        if (set === undefined || name[1] === '^') throw new PatternSyntax(`${name[0]} is no character class`);
        out += set;
        scan.at += Array.from(name[0]).length;
        continue;
      }
    }
    if (scan.chars[scan.at] === '\\') {
      scan.at++;
      const set = classEscape(scan);
      if (set !== undefined) {
        out += set;
        continue;
      }
      scan.at--;
    }
    const low = classChar(scan);
    let high = low;
    if (scan.chars[scan.at] === '-' && scan.at + 1 < scan.chars.length && scan.chars[scan.at + 1] !== ']') {
      scan.at++;
      high = classChar(scan);
      if ((high.codePointAt(0) ?? 0) < (low.codePointAt(0) ?? 0)) {
        throw new PatternSyntax(`the range ${low}-${high} runs backwards`);
      }
    }
    out += high === low ? literal(low) : `${literal(low)}-${literal(high)}`;
  }
  scan.at++;
  return `${out}]`;
}

function classChar(scan: Scan): string {
  const char = scan.chars[scan.at++];
  if (char === undefined) throw new PatternSyntax('"[" has no closing "]"');
  return char === '\\' ? escapedChar(scan) : char;
}

/** Text in Go's syntax outside a class. */
function translateText(text: string): string {
  const scan: Scan = {chars: Array.from(text), at: 0};
  let out = '';
  while (scan.at < scan.chars.length) {
    const char = scan.chars[scan.at++] ?? '';
    if (char === '[') {
      out += characterClass(scan);
    } else if (char === '\\') {
      const set = classEscape(scan);
      const next = scan.chars[scan.at];
      if (set !== undefined) out += `[${set}]`;
      else if (next === 'b' || next === 'B') out += `\\${scan.chars[scan.at++] ?? ''}`;
      else if (next === 'A' || next === 'z') out += scan.chars[scan.at++] === 'A' ? '(?:^)' : '(?:$)';
      else out += literal(escapedChar(scan));
    } else if (char === '^') {
      out += '(?:^)';
    } else if (char === '|' || char === '*') {
      // A bare "*" is the quantifier that a "*" inside "[…]" was translated to.
      out += char;
    } else if (char === '{') {
      const count = /^(\d+)(?:,(\d*))?\}/.exec(scan.chars.slice(scan.at).join(''));
      if (count === null) {
        out += '\\{';
      } else {
        const [least, most] = [
          Number(count[1]),
          Number(count[2] === undefined || count[2] === '' ? count[1] : count[2]),
        ];
        if (least > 1000 || most > 1000 || most < least) throw new PatternSyntax(`{${count[0]} is no repetition`);
        out += `{${count[0]}`;
        scan.at += count[0].length;
      }
    } else {
      out += literal(char);
    }
  }
  return out;
}

/** The expression, anchored at its start and end as builders do it. Throws PatternSyntax. */
export function goRegExp(parts: readonly Part[]): RegExp {
  const source = parts.map((part) => ('go' in part ? translateText(part.go) : part.script)).join('');
  try {
    return new RegExp(`^${source}$`, 'u');
  } catch (error) {
    throw new PatternSyntax('builders read it as a regular expression, which it is not', {cause: error});
  }
}
