import {readFile, realpath, stat} from 'node:fs/promises';
import {join, relative} from 'node:path';
import {BuildError, hasErrno, quote} from '../base/errors.js';
import {parseIgnore, withRules, type IgnoreRules} from './ignore/ignore.js';

/** An ignore file is text for people; more than this is a mistake. Bytes. */
const mostBytes = 16 * 1024 * 1024;

export interface FoundRules {
  readonly rules: IgnoreRules;
  /** Relative to the context's root where it lies inside, else as a path; undefined where there is no such file. */
  readonly ignoreFile: string | undefined;
}

export interface RulesQuery {
  /** Directory of the context. */
  readonly root: string;
  /** Absolute path of the Dockerfile. */
  readonly dockerfile: string | undefined;
  /** Refuse an ignore file that a symbolic link takes from outside the root. */
  readonly contained: boolean;
}

/**
 * The rules in force: those of `<Dockerfile>.dockerignore` beside the Dockerfile, else of `.dockerignore` in the root, else none.
 * Rejects with IGNORE_PATTERN, CONTEXT_UNREADABLE or CONTEXT_INVALID.
 */
export async function findRules(query: RulesQuery, signal: AbortSignal): Promise<FoundRules> {
  const {root, dockerfile, contained} = query;
  const candidates = [join(root, '.dockerignore')];
  if (dockerfile !== undefined) candidates.unshift(`${dockerfile}.dockerignore`);
  for (const file of candidates) {
    const inside = relative(root, file);
    const shown = inside.startsWith('..') ? file : inside;
    if (contained && (await leadsOut(root, file))) {
      throw new BuildError(
        'CONTEXT_INVALID',
        `the ignore file ${quote(shown)} is a link that leads out of the context`,
      );
    }
    const text = await textOf(file, shown, signal);
    if (text !== undefined) return {rules: parseIgnore(text, shown), ignoreFile: shown};
  }
  return {rules: parseIgnore(''), ignoreFile: undefined};
}

async function leadsOut(root: string, file: string): Promise<boolean> {
  try {
    return !(await realpath(file)).startsWith(`${await realpath(root)}/`);
  } catch (error) {
    // Whoever reads it meets the same, and knows what to say.
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return false;
    throw error;
  }
}

async function textOf(file: string, shown: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new BuildError('CONTEXT_UNREADABLE', `${quote(shown)} is not a file`);
    if (found.size > mostBytes)
      throw new BuildError('CONTEXT_INVALID', `${quote(shown)} has ${found.size} bytes: no ignore file`);
    return await readFile(file, {encoding: 'utf8', signal});
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw new BuildError('CONTEXT_UNREADABLE', `cannot read the ignore file ${quote(shown)}`, {
      cause: error,
      remedy: 'Make it readable (chmod u+r); without it the build would get files it must not get.',
    });
  }
}

/**
 * The rules with a `!` for each of `paths` that they ignore: a builder that is handed the context as one archive needs its Dockerfile
 * and ignore file in it whatever the rules say (it removes them itself).
 */
export function keepPaths(rules: IgnoreRules, paths: readonly string[]): IgnoreRules {
  const ignored = paths.filter((path) => rules.ignores(path));
  return ignored.length === 0
    ? rules
    : withRules(
        rules,
        ignored.map((path) => `!${escapePattern(path)}`),
      );
}

/** The pattern that stands for this path alone. */
export const escapePattern = (path: string): string => path.replace(/[*?[\]\\]/g, '\\$&');
