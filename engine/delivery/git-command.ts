import {execFile} from 'node:child_process';
import {hasErrno} from '../base/errors.js';

/** How a call of git ended. */
export interface GitAnswer {
  /** Null where git is not installed. */
  readonly status: number | null;
  /** Standard output without the newline at its end. */
  readonly text: string;
}

const mostOutput = 1024 * 1024;

/** Reads from the repository of a directory: no locks, no questions, no network. Rejects with the signal's reason only. */
export async function askGit(
  directory: string,
  args: readonly string[],
  environment: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<GitAnswer> {
  const env = {
    ...Object.fromEntries(environment),
    LC_ALL: 'C',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    // A partial clone would fetch what is missing, by whatever program its configuration names.
    GIT_NO_LAZY_FETCH: '1',
  };
  return new Promise((resolve, reject) => {
    // `log.showSignature` would start the program that the repository's configuration names.
    const all = ['-C', directory, '-c', 'log.showSignature=false', '-c', 'core.fsmonitor=false', ...args];
    execFile('git', all, {env, signal, maxBuffer: mostOutput}, (error, stdout) => {
      if (signal.aborted) reject(signal.reason as Error);
      else if (error === null) resolve({status: 0, text: stdout.replace(/\n$/, '')});
      else resolve({status: hasErrno(error, 'ENOENT') ? null : Number(error.code ?? 1), text: ''});
    });
  });
}
