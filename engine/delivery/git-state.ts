import {askGit} from './git-command.js';
import {sourceUrl} from './source-url.js';

/** What the repository says of the commit that is checked out. */
export interface GitState {
  /** Undefined with a detached HEAD. On a branch without a commit yet: its name. */
  readonly branch: string | undefined;
  /** Tags of exactly this commit, the highest version first. */
  readonly tags: readonly string[];
  /** Undefined before the first commit. */
  readonly hash: string | undefined;
  readonly shortHash: string | undefined;
  /** Of the commit, seconds since 1970. */
  readonly time: number | undefined;
  /** Of the remote repository, for a browser; without user and password. */
  readonly source: string | undefined;
}

/** `refused`: the repository belongs to another user, and git does not read it for this one (safe.directory). */
export type GitFinding =
  {readonly kind: 'repository'; readonly state: GitState} | {readonly kind: 'none' | 'refused' | 'no-git'};

/** Asks git about the repository that `directory` lies in. Rejects with the signal's reason only. */
export async function readGitState(
  directory: string,
  environment: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<GitFinding> {
  const ask = (...args: readonly string[]) => askGit(directory, args, environment, signal);
  const found = await ask('rev-parse', '--git-dir');
  if (found.status === null) return {kind: 'no-git'};
  if (found.status !== 0) {
    // The same status for no repository and for one of somebody else; this question starts no program of its owner.
    const trusting = [
      ['GIT_CONFIG_COUNT', '1'],
      ['GIT_CONFIG_KEY_0', 'safe.directory'],
      ['GIT_CONFIG_VALUE_0', '*'],
    ] as const;
    const trusted = new Map([...environment, ...trusting]);
    const again = await askGit(directory, ['rev-parse', '--git-dir'], trusted, signal);
    return {kind: again.status === 0 ? 'refused' : 'none'};
  }
  const [head, hash, short, tags, time, remote] = await Promise.all([
    // Not --short: of a branch that has the name of a tag it makes `heads/NAME`.
    ask('symbolic-ref', '--quiet', 'HEAD'),
    ask('rev-parse', '--verify', '--quiet', 'HEAD^{commit}'),
    ask('rev-parse', '--short', '--verify', '--quiet', 'HEAD'),
    ask('for-each-ref', '--sort=-version:refname', '--points-at=HEAD', '--format=%(refname:strip=2)', 'refs/tags'),
    ask('log', '-1', '--format=%ct', 'HEAD', '--'),
    ask('remote', 'get-url', 'origin'),
  ]);
  const commit = hash.text === '' ? undefined : hash.text;
  return {
    kind: 'repository',
    state: {
      branch: head.text.startsWith('refs/heads/') ? head.text.slice('refs/heads/'.length) : undefined,
      tags: tags.text.split('\n').filter((tag) => tag !== ''),
      hash: commit,
      shortHash: short.text === '' ? commit?.slice(0, 7) : short.text,
      time: /^\d+$/.test(time.text) ? Number(time.text) : undefined,
      source: sourceUrl(remote.text),
    },
  };
}
