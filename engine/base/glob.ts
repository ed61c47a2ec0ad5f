type Token = '*' | {readonly fits: (letter: string) => boolean};

/**
 * Whether a path without a leading `/` matches: `*` and `?` stop at `/`, `**` as a whole part is any number of parts, `[a-z]`,
 * `[!a]` and `\*` as in a shell. Takes at most length of path times length of glob, whatever a stage names its files.
 */
export function compileGlob(glob: string): (path: string) => boolean {
  const parts = glob.split('/').map((part) => (/^\*{2,}$/.test(part) ? ('*' as const) : tokensOf(part)));
  return (path) =>
    matchWild(path.split('/'), parts, (part, name) =>
      matchWild(Array.from(name), part, (token, letter) => token.fits(letter)),
    );
}

/** A star takes any number of items. On a mismatch only the last star takes more, which suffices. */
function matchWild<Item, Part>(
  items: readonly Item[],
  parts: readonly (Part | '*')[],
  fits: (part: Exclude<Part, '*'>, item: Item) => boolean,
): boolean {
  let at = 0;
  let star = -1;
  let starAt = 0;
  for (let index = 0; index < items.length;) {
    const part = parts[at];
    if (part === '*') {
      star = at++;
      starAt = index;
    } else if (part !== undefined && fits(part as Exclude<Part, '*'>, items[index] as Item)) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++starAt;
    } else return false;
  }
  while (parts[at] === '*') at++;
  return at === parts.length;
}

function tokensOf(part: string): readonly Token[] {
  const tokens: Token[] = [];
  for (let rest = part; rest !== '';) {
    const set = /^\[([!^]?)(\]?[^\]]*)\]/.exec(rest);
    let taken = 1;
    if (rest.startsWith('*')) tokens.push('*');
    else if (rest.startsWith('?')) tokens.push({fits: () => true});
    else if (set !== null) {
      const within = setOf(set[2] ?? '');
      const negated = set[1] !== '';
      tokens.push({fits: (letter) => within(letter) !== negated});
      taken = set[0].length;
    } else {
      const escaped = rest.startsWith('\\') && rest.length > 1;
      const wanted = String.fromCodePoint(rest.codePointAt(escaped ? 1 : 0) ?? 0);
      tokens.push({fits: (letter) => letter === wanted});
      taken = wanted.length + (escaped ? 1 : 0);
    }
    rest = rest.slice(taken);
  }
  return tokens;
}

/** Letters and ranges between brackets. */
function setOf(text: string): (letter: string) => boolean {
  const letters = Array.from(text);
  const ranges: (readonly [string, string])[] = [];
  for (let index = 0; index < letters.length; index++) {
    const first = letters[index] ?? '';
    const isRange = letters[index + 1] === '-' && index + 2 < letters.length;
    ranges.push([first, isRange ? (letters[index + 2] ?? first) : first]);
    if (isRange) index += 2;
  }
  const point = (letter: string) => letter.codePointAt(0) ?? 0;
  return (letter) => ranges.some(([low, high]) => point(low) <= point(letter) && point(letter) <= point(high));
}
