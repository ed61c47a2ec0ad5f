import {BuildError, exitStatusOf, hasErrno, messageOf} from '../base/errors.js';
import {formatError} from '../base/format-error.js';
import type {Redactor} from '../base/redact.js';
import type {Terminal} from './terminal.js';

/** Anything that was thrown as the error a person reads. The reason of an aborted signal comes before its consequences. */
export function asBuildError(error: unknown, signal?: AbortSignal): BuildError {
  if (signal?.aborted === true && signal.reason instanceof BuildError) return signal.reason;
  if (error instanceof BuildError) return error;
  if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
    return new BuildError('NO_SPACE', `no space left on the device${pathOf(error)}`, {
      remedy: 'Free some space, or choose another place with --root or --artifacts-dir.',
      cause: error,
    });
  }
  if (isRefusal(error)) return new BuildError('IO', messageOf(error), {cause: error});
  return new BuildError('IO', `internal error: ${messageOf(error)}`, {
    remedy: 'This is a fault of build-image: please report it, with BUILD_IMAGE_DEBUG=1 for the details.',
    cause: error,
  });
}

/** What the system refuses has its reason outside, but for arguments that nobody should have given it. */
function isRefusal(error: unknown): boolean {
  const {errno, syscall} = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return typeof errno === 'number' && typeof syscall === 'string' && !hasErrno(error, 'EBADF', 'EFAULT', 'EINVAL');
}

function pathOf(error: NodeJS.ErrnoException): string {
  return error.path === undefined ? '' : `: ${error.path}`;
}

/** Prints the error; the result is the exit status. */
export function reportFailure(error: unknown, terminal: Terminal, signal?: AbortSignal, redactor?: Redactor): number {
  const failure = asBuildError(error, signal);
  const text = `build-image: ${formatError(failure)}\n`;
  terminal.error(redactor?.redact(text) ?? text);
  if ((terminal.environment['BUILD_IMAGE_DEBUG'] ?? '') !== '') {
    const stack = `${failure.stack ?? ''}\n${failure.cause instanceof Error ? (failure.cause.stack ?? '') : ''}\n`;
    terminal.error(redactor?.redact(stack) ?? stack);
  }
  return exitStatusOf[failure.code];
}
