/** Unicode white space as Go's `strings.TrimSpace` knows it (JavaScript's `trim` also takes U+FEFF and leaves U+0085). */
const space = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+';
const edges = new RegExp(`^${space}|${space}$`, 'g');

export const trimSpace = (text: string): string => text.replace(edges, '');

/** Shortest path that is lexically the same: no `.`, no empty component, `..` resolved; `.` for nothing (Go `path.Clean`). */
export function cleanPath(path: string): string {
  const rooted = path.startsWith('/');
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') out.push(part);
    else if (out.length > 0 && out.at(-1) !== '..') out.pop();
    else if (!rooted) out.push('..');
  }
  const joined = out.join('/');
  if (rooted) return `/${joined}`;
  return joined === '' ? '.' : joined;
}
