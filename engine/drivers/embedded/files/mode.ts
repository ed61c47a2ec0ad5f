import {stepError} from './byte-path.js';

/** `--chmod`: the mode a file (or directory) of some mode gets. 07777. */
export interface ModeChange {
  apply(mode: number, directory: boolean): number;
  /** The mode of parents that are made for the destination. */
  readonly parents: number;
}

/** A symbolic mode is applied without a mask; parents are made under the usual one. */
const mask = 0o022;
const usual = 0o755;

const clause = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/;
const sticky = 0o1000;
/** Bits that each class owns; the sticky bit is nobody's. */
const owned: Readonly<Record<string, number>> = {u: 0o4700, g: 0o2070, o: 0o007, a: 0o6777};
const letters: Readonly<Record<string, number>> = {r: 0o444, w: 0o222, x: 0o111, X: 0o111, s: 0o6000, t: sticky};
const shifts: Readonly<Record<string, number>> = {u: 6, g: 3, o: 0};

/** One change: `original` is the mode of the file before all of them. */
type Change = (mode: number, original: number, directory: boolean) => number;

/** Undefined: nothing is changed. Throws STEP_FAILED for what is no mode. */
export function parseMode(text: string | undefined): ModeChange {
  if (text === undefined) return {apply: (mode) => mode, parents: usual};
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8);
    if (mode > 0o7777) throw invalid(text);
    return {apply: () => mode, parents: mode & 0o777 & ~mask};
  }
  const changes = text.split(',').flatMap((part) => {
    const match = clause.exec(part);
    if (match === null) throw invalid(text);
    return clauseChanges(match[1] ?? '', match[2] ?? '');
  });
  return {
    apply: (mode, directory) => changes.reduce((sum, one) => one(sum, mode, directory), mode),
    parents: usual,
  };
}

const invalid = (text: string) =>
  stepError(
    `--chmod=${text} is no file mode`,
    'Write an octal mode up to 07777, such as 0644, or a symbolic one, such as u=rw,go=r.',
  );

/**
 * The actions of a clause, as BSD's setmode(3) takes them, which BuildKit follows: letters are gathered up to a class that
 * is copied; X looks at the original mode; the sticky bit is not others' to give, and named without a class it stands alone.
 */
function clauseChanges(classes: string, actions: string): Change[] {
  const named = Array.from(classes).reduce((sum, one) => sum | (owned[one] ?? 0), 0);
  const mayBeSpecial = named === 0 || (named & ~0o007) !== 0;
  const changes: Change[] = [];
  for (const [, sign = '', what = ''] of actions.matchAll(/([-+=])([^-+=]*)/g)) {
    let who = named;
    let bits = 0;
    let ifExecutable = false;
    let done = false;
    const flush = (): void => {
      if (bits !== 0) changes.push(plain(sign, who, bits));
      if (ifExecutable) changes.push(executable(who));
      done ||= bits !== 0;
      [bits, ifExecutable] = [0, false];
    };
    for (const letter of what) {
      if (letter in shifts) {
        flush();
        changes.push(copied(sign, who, letter));
        done = true;
      } else if (letter === 'X' && sign !== '-') {
        ifExecutable = true;
      } else if ((letter !== 's' && letter !== 't') || mayBeSpecial) {
        if (letter === 't') who |= sticky;
        bits |= letters[letter] ?? 0;
      }
    }
    // "=" clears even where it names nothing.
    if (sign === '=' && !done && bits === 0) changes.push(plain(sign, who, 0));
    flush();
  }
  return changes;
}

function plain(sign: string, who: number, bits: number): Change {
  const scope = who === 0 ? (owned['a'] ?? 0) : who;
  const set = who === 0 ? bits : bits & who;
  if (sign === '+') return (mode) => mode | set;
  if (sign === '-') return (mode) => mode & ~set;
  return (mode) => (mode & ~scope) | set;
}

const executable =
  (who: number): Change =>
  (mode, original, directory) =>
    directory || (original & 0o111) !== 0 ? mode | (who === 0 ? 0o111 : who & 0o111) : mode;

/** Permissions of one class given to (or taken from) others; special bits stay. */
function copied(sign: string, who: number, from: string): Change {
  const classes = Object.keys(shifts).filter((one) => who === 0 || ((owned[one] ?? 0) & who & 0o777) !== 0);
  return (mode) => {
    const value = (mode >> (shifts[from] ?? 0)) & 0o7;
    return classes.reduce((sum, one) => {
      const shift = shifts[one] ?? 0;
      if (sign === '+') return sum | (value << shift);
      if (sign === '-') return sum & ~(value << shift);
      return (sum & ~(0o7 << shift)) | (value << shift);
    }, mode);
  };
}
