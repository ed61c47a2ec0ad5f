import {BuildError, hasErrno, quote} from '../base/errors.js';
import type {Failure} from './helpers/jobs.js';

/** The error for a path of the context that the file system does not let us read, with what to do about it. */
export function unreadable(path: string, cause: unknown): BuildError {
  const what = `cannot read ${quote(path)} of the build context`;
  if (hasErrno(cause, 'EACCES', 'EPERM')) {
    return new BuildError('CONTEXT_UNREADABLE', `${what}: permission denied`, {
      cause,
      remedy: `Make it readable (chmod u+r, for a directory u+rx), or add ${quote(path)} to .dockerignore if the build does not need it.`,
    });
  }
  if (hasErrno(cause, 'ENOENT', 'ENOTDIR')) {
    return new BuildError('CONTEXT_CHANGED', `${quote(path)} was removed while the build context was read`, {
      cause,
      remedy: 'Build again when nothing writes into the context, or add the path to .dockerignore.',
    });
  }
  // What readlink says of something that was a symbolic link when it was listed.
  if (hasErrno(cause, 'EINVAL')) return changed(path, 'came to be another kind of file');
  const known = hasErrno(cause, 'EMFILE', 'ENFILE')
    ? 'too many open files (see ulimit -n)'
    : hasErrno(cause, 'ENAMETOOLONG')
      ? 'its path is longer than the system takes'
      : undefined;
  const reason = known ?? String(cause);
  return new BuildError('CONTEXT_UNREADABLE', `${what}: ${reason}`, {
    cause,
    remedy: `Add ${quote(path)} to .dockerignore if the build does not need it.`,
  });
}

/** The error for a file that is not what it was when it was listed. */
export function changed(path: string, how: string): BuildError {
  return new BuildError('CONTEXT_CHANGED', `${quote(path)} ${how} while the build context was read`, {
    remedy: 'Build again when nothing writes into the context, or add the path to .dockerignore.',
  });
}

/** The error for a step whose sources were written to while it read them; `message` says which, as far as is known. */
export const writtenTo = (message: string): BuildError =>
  new BuildError('CONTEXT_CHANGED', message, {remedy: 'Build again when nothing writes into the build context.'});

/** The error for the first path of a job that failed. */
export function failed(path: string, {how, code, message}: Failure): BuildError {
  return how === undefined ? unreadable(path, Object.assign(new Error(message), {code})) : changed(path, how);
}
