import dockerignore from '@balena/dockerignore';

/**
 * What the package answers as builders do: components of plain characters, `*` and `?`, and `**` as a whole component. It leaves
 * `+ ( ) { } |` unescaped, knows no classes, throws on some patterns and takes `!` at parents otherwise than builders.
 */
const plainComponent = /^(?:\*\*|(?:[A-Za-z0-9_.,:;=@%&~ -]|\*(?!\*)|\?)+)$/;
/** Where `?` is one character for the package too, and `.` any. Its cache takes `constructor` for a path it has seen. */
const plainPath = /^[\x20-\x7e]*$/;

interface Rule {
  readonly cleaned: string;
  readonly negated: boolean;
}

/**
 * `@balena/dockerignore` for those rules and paths where it is right, which is nearly every ignore file without `!`. Undefined for
 * other rules; the answer is undefined for other paths. A walk does not ask it: it judges each path from the root anew.
 */
export function packageIgnores(rules: readonly Rule[]): ((path: string) => boolean | undefined) | undefined {
  if (rules.length === 0) return undefined;
  if (rules.some((rule) => rule.negated || !rule.cleaned.split('/').every((part) => plainComponent.test(part))))
    return undefined;
  const matcher = dockerignore.default({ignorecase: false}).add(rules.map((rule) => rule.cleaned));
  return (path) => (plainPath.test(path) && !(path in Object.prototype) ? matcher.ignores(path) : undefined);
}
