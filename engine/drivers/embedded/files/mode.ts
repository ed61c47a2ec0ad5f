import {stepError} from './byte-path.js';

/** `--chmod`: the mode a file (or directory) of some mode gets. 07777. */
export interface ModeChange {
  apply(mode: number, directory: boolean): number;
  /** The mode of parents that are made for the destination. */
  readonly parents: number;
}

const clause = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/;
/** A symbolic mode is applied without a mask; parents are made under the usual one. */
const mask = 0o022;
const usual = 0o755;

/** Undefined: nothing is changed. Throws STEP_FAILED for what is no mode. */
export function parseMode(text: string | undefined): ModeChange {
  if (text === undefined) return {apply: (mode) => mode, parents: usual};
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) throw invalid(text);
    return {apply: () => mode, parents: mode & 0o777 & ~mask};
  }
  const changes = text.split(',').map((part) => {
    const match = clause.exec(part);
    if (match === null) throw invalid(text);
    const [, who = '', actions = ''] = match;
    return (mode: number, directory: boolean) =>
      [...actions.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)].reduce(
        (sum, [, sign = '', what = '']) => change(sum, who === '' ? 'a' : who, sign, what, directory),
        mode,
      );
  });
  return {apply: (mode, directory) => changes.reduce((sum, one) => one(sum, directory), mode), parents: usual};
}

const invalid = (text: string) =>
  stepError(
    `--chmod=${text} is no file mode`,
    'Write an octal mode up to 07777, such as 0644, or a symbolic one, such as u=rw,go=r.',
  );

const shifts: Readonly<Record<string, number>> = {u: 6, g: 3, o: 0};

function change(mode: number, who: string, sign: string, what: string, directory: boolean): number {
  const classes = who.includes('a') ? ['u', 'g', 'o'] : [...new Set(who)];
  let bits = 0;
  let cleared = 0;
  for (const one of classes) {
    const shift = shifts[one] ?? 0;
    bits |= bitsOf(mode, what, directory) << shift;
    cleared |= 0o7 << shift;
    if (what.includes('s') && one === 'u') bits |= 0o4000;
    if (what.includes('s') && one === 'g') bits |= 0o2000;
  }
  if (what.includes('t')) bits |= 0o1000;
  if (sign === '+') return mode | bits;
  if (sign === '-') return mode & ~bits;
  // "=" sets no more than it names; the bits of directories stay, as chmod(1) does it.
  return (mode & ~cleared & (directory ? 0o7777 : special(classes))) | bits;
}

/** Special bits that "=" leaves: those of the classes that are not named. */
function special(classes: readonly string[]): number {
  let kept = 0o7777;
  if (classes.includes('u')) kept &= ~0o4000;
  if (classes.includes('g')) kept &= ~0o2000;
  return kept;
}

function bitsOf(mode: number, what: string, directory: boolean): number {
  const copied = shifts[what];
  if (copied !== undefined) return (mode >> copied) & 0o7;
  let bits = 0;
  if (what.includes('r')) bits |= 4;
  if (what.includes('w')) bits |= 2;
  if (what.includes('x')) bits |= 1;
  if (what.includes('X') && (directory || (mode & 0o111) !== 0)) bits |= 1;
  return bits;
}
