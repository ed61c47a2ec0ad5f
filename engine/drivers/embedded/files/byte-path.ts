import {BuildError, quote} from '../../../base/errors.js';
import {decodePath} from '../../../context/raw-path.js';

export {byteString, decodePath, systemPath} from '../../../context/raw-path.js';

/**
 * Paths in this folder are byte strings: one character a byte (`latin1`), for names on disk need not be UTF-8. Below a root
 * they have neither a leading nor a final `/`; '' is the root itself.
 */
export const join = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`);

export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** The longest name that a file system takes, bytes. */
export const longestName = 255;

/** Components with `.`, empty ones and `..` taken out by the text alone; `..` stops at the root. */
export function cleanComponents(path: string): string[] {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') out.pop();
    else out.push(part);
  }
  return out;
}

/** For a message: the path as an absolute one, quoted. */
export const shown = (path: string): string => quote(`/${decodePath(path)}`);

/** The error of a step that cannot do what its instruction says. */
export const stepError = (message: string, remedy?: string, cause?: unknown): BuildError =>
  new BuildError('STEP_FAILED', message, {
    ...(remedy !== undefined && {remedy}),
    ...(cause !== undefined && {cause}),
  });

/** For a message: the path as it is, quoted. */
export const quotePath = (path: string): string => quote(decodePath(path));
