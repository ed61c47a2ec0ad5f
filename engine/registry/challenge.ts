/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1), names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const longest = 16 * 1024;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
const spaces = /[ \t]*/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/** The challenges of all such headers, in order; what is not understood ends the list. */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const text = (Array.isArray(header) ? header.join(', ') : ((header as string | undefined) ?? '')).slice(0, longest);
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text) ?? undefined;
    if (match !== undefined) at = pattern.lastIndex;
    return match;
  };
  const skip = () => {
    take(spaces);
    while (text[at] === ',') {
      at++;
      take(spaces);
    }
  };
  skip();
  while (at < text.length) {
    const scheme = take(token)?.[0];
    if (scheme === undefined) break;
    const parameters = new Map<string, string>();
    challenges.push({scheme: scheme.toLowerCase(), parameters});
    take(spaces);
    // Credentials in one word, which no scheme here uses.
    take(token68);
    skip();
    for (;;) {
      const start = at;
      const name = take(token)?.[0];
      take(spaces);
      if (name === undefined || text[at] !== '=') {
        // The next scheme.
        at = start;
        break;
      }
      at++;
      take(spaces);
      const value = text[at] === '"' ? take(quoted)?.[1]?.replace(/\\(.)/g, '$1') : take(token)?.[0];
      if (value === undefined) return challenges;
      if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
      skip();
    }
    skip();
  }
  return challenges;
}
