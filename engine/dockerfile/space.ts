/**
 * White space as Go's `unicode.IsSpace` has it, which decides in the published frontend where words end. It differs from
 * JavaScript's `\s`: U+0085 is in, U+FEFF is not.
 */
const goSpace = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const notGoSpace = /[^\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** True for one character that is white space. */
export function isSpace(character: string): boolean {
  return goSpace.test(character);
}

/** Index of the first character from `from` on that is not white space; the length where there is none. */
export function skipSpace(text: string, from = 0): number {
  let at = from;
  while (at < text.length && isSpace(text.charAt(at))) at++;
  return at;
}

export function trimStart(text: string): string {
  const at = text.search(notGoSpace);
  return at === -1 ? '' : text.slice(at);
}

export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isSpace(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

export function trim(text: string): string {
  return trimEnd(trimStart(text));
}

/** What separates the keyword from its arguments, and plain arguments from each other: no Unicode space among it. */
export const blanks = /[\t\v\f\r ]+/;
