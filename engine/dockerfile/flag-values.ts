import {didYouMean} from '../base/nearest.js';
import type {Context} from './fail.js';
import {failure} from './fail.js';

/** What a flag takes: a switch (`--link`, `--link=true`), one value, or a value each time it is given. */
export type FlagKind = 'switch' | 'one' | 'many';

export interface FlagValues {
  /** The value of a flag that is given once. */
  one(name: string): string | undefined;
  many(name: string): readonly string[];
  /** Undefined: not given. */
  switch(name: string): boolean | undefined;
}

/** Reads an instruction's flags against those it knows. Throws BuildError DOCKERFILE_FLAG with the nearest known name. */
export function readFlags(context: Context, known: Readonly<Record<string, FlagKind>>): FlagValues {
  const {instruction} = context;
  const given = new Map<string, string[]>();
  for (const flag of instruction.flags) {
    const equals = flag.indexOf('=');
    const name = flag.slice(2, equals === -1 ? undefined : equals);
    const value = equals === -1 ? undefined : flag.slice(equals + 1);
    const fail = (message: string, remedy?: string) =>
      failure(context, 'DOCKERFILE_FLAG', message, {token: `--${name}`, remedy});
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      const names = Object.keys(known);
      throw fail(
        `${instruction.keyword} has no flag --${name}${didYouMean(name, names)}`,
        names.length === 0
          ? `${instruction.keyword} takes no flags.`
          : `The flags of ${instruction.keyword} are ${names.map((each) => `--${each}`).join(', ')}.`,
      );
    }
    const before = given.get(name);
    if (before !== undefined && kind !== 'many') throw fail(`the flag --${name} is given twice`, 'Keep one of them.');
    if (kind === 'switch') {
      const lower = value?.toLowerCase();
      if (lower !== undefined && lower !== 'true' && lower !== 'false') {
        throw fail(`the flag --${name} takes true or false, not "${value ?? ''}"`);
      }
    } else if (value === undefined) {
      throw fail(`the flag --${name} lacks its value`, `Write --${name}=value; a space does not separate them.`);
    }
    if (before === undefined) given.set(name, [value ?? 'true']);
    else before.push(value ?? 'true');
  }
  return {
    one: (name) => given.get(name)?.[0],
    many: (name) => given.get(name) ?? [],
    switch: (name) => {
      const value = given.get(name)?.[0];
      return value === undefined ? undefined : value.toLowerCase() === 'true';
    },
  };
}
