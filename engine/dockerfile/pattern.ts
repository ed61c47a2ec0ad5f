import {BuildError} from '../base/errors.js';

/** One step of a pattern: `*`, `?`, or a character. */
type Token = {readonly kind: 'star'} | {readonly kind: 'any'} | {readonly kind: 'literal'; readonly character: string};

/** Matching takes time in proportion to pattern × value; more than this is refused instead of run. */
const mostWork = 200_000_000;

/**
 * Tokens of a shell pattern without bracket expressions (Dockerfile reference: "Environment replacement"). `\` escapes
 * `*`, `?` and itself; before `}` and `/` it only kept them from ending the substitution. Throws BuildError DOCKERFILE_WORD
 * on another escape.
 */
function tokensOf(pattern: string): Token[] {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (tokens.at(-1)?.kind !== 'star') tokens.push({kind: 'star'});
    } else if (character === '?') {
      tokens.push({kind: 'any'});
    } else if (character === '\\') {
      const next = characters[at + 1];
      if (next === '}' || next === '/') continue;
      if (next !== '*' && next !== '?' && next !== '\\') {
        throw new BuildError('DOCKERFILE_WORD', `invalid pattern "${pattern}": "\\" escapes only *, ? and \\ in it`);
      }
      tokens.push({kind: 'literal', character: next});
      at++;
    } else {
      tokens.push({kind: 'literal', character});
    }
  }
  return tokens;
}

function refuseHugeWork(tokens: readonly Token[], value: readonly string[]): void {
  if (tokens.length * value.length > mostWork) {
    throw new BuildError('DOCKERFILE_WORD', 'pattern and value are too long to be matched');
  }
}

const noStart = -1;

/** Spreads thread starts over stars, which may match nothing: a state holds the least start that reaches it. */
function spread(starts: number[], state: number, start: number, tokens: readonly Token[]): void {
  for (let at = state; at < starts.length; at++) {
    const held = starts[at] ?? noStart;
    if (held === noStart || held > start) starts[at] = start;
    if (tokens[at]?.kind !== 'star') break;
  }
}

/**
 * Leftmost match from `from` on, of greatest length (of least with `shortest`); `anchored`: only at `from`. All states
 * advance side by side, so no pattern makes it backtrack. As in the published frontend neither wildcard matches a newline.
 */
function find(
  tokens: readonly Token[],
  value: readonly string[],
  from: number,
  {anchored, shortest}: {readonly anchored: boolean; readonly shortest: boolean},
): {start: number; end: number} | undefined {
  const accept = tokens.length;
  let starts = new Array<number>(accept + 1).fill(noStart);
  let found: {start: number; end: number} | undefined;
  for (let position = from; position <= value.length; position++) {
    if (found === undefined && (position === from || !anchored)) spread(starts, 0, position, tokens);
    const reached = starts[accept] ?? noStart;
    if (reached !== noStart && (found === undefined || reached <= found.start)) {
      found = {start: reached, end: position};
      if (shortest) return found;
    }
    const character = value[position];
    if (character === undefined) break;
    const next = new Array<number>(accept + 1).fill(noStart);
    let alive = false;
    for (let state = 0; state < accept; state++) {
      const start = starts[state] ?? noStart;
      const token = tokens[state];
      if (start === noStart || token === undefined || (found !== undefined && start > found.start)) continue;
      const matches = token.kind === 'literal' ? token.character === character : character !== '\n';
      if (!matches) continue;
      alive = true;
      spread(next, token.kind === 'star' ? state : state + 1, start, tokens);
    }
    starts = next;
    if (!alive && (anchored || found !== undefined)) break;
  }
  return found;
}

/** `${name#pattern}` and, `greedy`, `${name##pattern}`. Throws BuildError DOCKERFILE_WORD on a bad pattern. */
export function trimPrefix(value: string, pattern: string, greedy: boolean): string {
  const characters = Array.from(value);
  const tokens = tokensOf(pattern);
  refuseHugeWork(tokens, characters);
  const match = find(tokens, characters, 0, {anchored: true, shortest: !greedy});
  return match === undefined ? value : characters.slice(match.end).join('');
}

/** `${name%pattern}` and, `greedy`, `${name%%pattern}`: the prefix case, read backwards. */
export function trimSuffix(value: string, pattern: string, greedy: boolean): string {
  const characters = Array.from(value).reverse();
  const tokens = tokensOf(pattern).reverse();
  refuseHugeWork(tokens, characters);
  const match = find(tokens, characters, 0, {anchored: true, shortest: !greedy});
  return match === undefined ? value : characters.slice(match.end).reverse().join('');
}

/** `${name/pattern/replacement}`: the first match, the longest there. */
export function replaceFirst(value: string, pattern: string, replacement: string): string {
  const characters = Array.from(value);
  const tokens = tokensOf(pattern);
  refuseHugeWork(tokens, characters);
  const match = find(tokens, characters, 0, {anchored: false, shortest: false});
  if (match === undefined) return value;
  return characters.slice(0, match.start).join('') + replacement + characters.slice(match.end).join('');
}

/** `$0` is the match, other `$name` groups that never exist, `$$` a dollar: Go expands the replacement of `//` so. */
function expandTemplate(template: string, match: string): string {
  if (!template.includes('$')) return template;
  return template.replace(
    /\$(?:\$|\{([\p{L}\p{Nd}_]+)\}|([\p{L}\p{Nd}_]+))/gu,
    (whole, braced?: string, bare?: string) => {
      if (whole === '$$') return '$';
      return (braced ?? bare) === '0' ? match : '';
    },
  );
}

/** `${name//pattern/replacement}`: every match; an empty one directly after another match does not count. */
export function replaceAll(value: string, pattern: string, replacement: string): string {
  const characters = Array.from(value);
  const tokens = tokensOf(pattern);
  refuseHugeWork(tokens, characters);
  const out: string[] = [];
  let copied = 0;
  let from = 0;
  let lastEnd = -1;
  while (from <= characters.length) {
    const match = find(tokens, characters, from, {anchored: false, shortest: false});
    if (match === undefined) break;
    const empty = match.start === match.end;
    if (!empty || match.start !== lastEnd) {
      out.push(characters.slice(copied, match.start).join(''));
      out.push(expandTemplate(replacement, characters.slice(match.start, match.end).join('')));
      copied = match.end;
      lastEnd = match.end;
    }
    from = empty ? match.end + 1 : match.end;
  }
  out.push(characters.slice(copied).join(''));
  return out.join('');
}
