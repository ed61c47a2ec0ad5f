import type {Cause} from '../../store/build-record.js';

/** Characters of a value that a person is shown. */
const most = 120;

/** A value on one line, shortened; null for none. */
export function text(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const whole = typeof value === 'string' ? value : JSON.stringify(value);
  return shortened(whole);
}

function shortened(value: string): string {
  const line = value.replace(/\s*\n\s*/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

export function platformText(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const {os, architecture, variant} = value as Record<string, unknown>;
  return [os, architecture, variant].filter((part) => typeof part === 'string').join('/');
}

/** `ARG VERSION 1 -> 2`, `--chown 0:0 is new`, `ENV X is gone (was 1)`. */
export function changed(
  kind: Cause['kind'],
  name: string,
  what: string,
  before: string | null,
  after: string | null,
): Cause {
  const quoted = (value: string): string => (value === '' ? '""' : value);
  const change =
    before === null
      ? `is new: ${quoted(after ?? '')}`
      : after === null
        ? `is gone (it was ${quoted(before)})`
        : `${quoted(before)} -> ${quoted(after)}`;
  return {kind, name, before, after, text: `${what} ${change}`};
}

const flagNames: Readonly<Record<string, string>> = {
  excludes: '--exclude',
  keepGitDir: '--keep-git-dir',
  readOnly: 'readonly',
  destination: 'the destination',
};

/**
 * What differs between the fields of two objects: the flags of COPY, or one mount. `prefix` is the mount, which is one
 * cause where it is on one side only; empty for flags, which are named each.
 */
export function fieldCauses(kind: 'flag' | 'mount', prefix: string, before: unknown, after: unknown): readonly Cause[] {
  const [was, is] = [before, after].map((value) => (isObject(value) ? value : undefined));
  if (was === undefined || is === undefined) {
    return [
      changed(kind, prefix, prefix, was === undefined ? null : mountText(was), is === undefined ? null : mountText(is)),
    ];
  }
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].sort();
  return names.flatMap((field): readonly Cause[] => {
    const values = [text(shown(was[field])), text(shown(is[field]))] as const;
    if (values[0] === values[1]) return [];
    if (field === 'destination') return [changed('instruction', 'destination', 'the destination', ...values)];
    const name = prefix === '' ? (flagNames[field] ?? `--${field}`) : (flagNames[field] ?? field);
    return [
      changed(kind, prefix === '' ? name : `${prefix} ${name}`, prefix === '' ? name : `${prefix}: ${name}`, ...values),
    ];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list with nothing in it, and a switch that is off, are no value. */
function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? null : value.join(', ');
  return value === false ? null : value;
}

function mountText(mount: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(mount).filter(([, value]) => typeof value === 'string' || typeof value === 'number');
  return text(fields.map(([name, value]) => `${name}=${String(value)}`).join(',')) ?? '';
}

/** The first lines in which two texts differ, with the number of the line where there are several. */
export function firstDifference(before: string, after: string): readonly [string, string] {
  const [old, now] = [before.split('\n'), after.split('\n')];
  let at = 0;
  while (at < old.length && at < now.length && old[at] === now[at]) at++;
  const line = (lines: readonly string[]): string => {
    const found = lines[at];
    return found === undefined ? 'nothing' : shortened(found) === '' ? 'an empty line' : shortened(found);
  };
  return [`line ${at + 1}: ${line(old)}`, line(now)];
}
