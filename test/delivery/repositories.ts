import {execFileSync} from 'node:child_process';
import {chownSync, mkdirSync, mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** Git as nobody has configured it. */
export const plainGit: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@example.org',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@example.org',
  GIT_AUTHOR_DATE: '2024-05-06T07:08:09Z',
  GIT_COMMITTER_DATE: '2024-05-06T07:08:09Z',
};

export function git(directory: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-C', directory, ...args], {env: plainGit, encoding: 'utf8', stdio: 'pipe'}).trim();
}

/** A repository with one commit on `branch`, and lightweight tags of it. */
export function repository(
  base: string,
  branch: string,
  tags: readonly string[] = [],
  more: readonly string[] = [],
): string {
  const directory = mkdtempSync(join(base, 'repository-'));
  git(directory, 'init', '--quiet', ...more, '-b', branch);
  writeFileSync(join(directory, 'file'), 'content\n');
  git(directory, 'add', '.');
  git(directory, 'commit', '--quiet', '-m', 'first');
  for (const tag of tags) git(directory, 'tag', tag);
  return directory;
}

export const longBranch = `topic/${'long-'.repeat(40)}end`;

/** Each state that a checkout can be in, made when it is asked for. */
export const states: Readonly<Record<string, (base: string) => string>> = {
  develop: (base) => repository(base, 'develop'),
  master: (base) => repository(base, 'master'),
  main: (base) => repository(base, 'main'),
  'feature/login': (base) => repository(base, 'feature/login'),
  'release/1.2': (base) => repository(base, 'release/1.2'),
  'a branch with odd letters': (base) => repository(base, 'fix/#12+über@x'),
  'a branch with a long name': (base) => repository(base, longBranch),
  'a branch in upper case': (base) => repository(base, 'JIRA-12'),
  'main, tagged': (base) => repository(base, 'main', ['v1.2.3']),
  'main, tagged twice': (base) => repository(base, 'main', ['v1.9.0', 'v1.10.0']),
  'main, tagged with letters a tag may not hold': (base) => repository(base, 'main', ['debian/1.0+git_1']),
  'develop, tagged before the last commit': (base) => {
    const directory = repository(base, 'develop', ['v1.0.0']);
    git(directory, 'commit', '--quiet', '--allow-empty', '-m', 'second');
    return directory;
  },
  'main, with an annotated tag': (base) => {
    const directory = repository(base, 'main');
    git(directory, 'tag', '-a', '-m', 'release', 'v2.0.0');
    return directory;
  },
  'main, a pre-release': (base) => repository(base, 'main', ['v2.0.0-rc.1']),
  'main, version 0': (base) => repository(base, 'main', ['v0.4.1']),
  'a branch and a tag of one name': (base) => repository(base, 'v3', ['v3']),
  'detached HEAD': (base) => {
    const directory = repository(base, 'develop');
    git(directory, 'checkout', '--quiet', '--detach');
    return directory;
  },
  'detached HEAD, tagged': (base) => {
    const directory = repository(base, 'main', ['v1.2.3']);
    git(directory, 'checkout', '--quiet', 'v1.2.3');
    return directory;
  },
  'shallow clone': (base) => clone(base, repository(base, 'develop'), '--depth', '1'),
  'shallow clone of a tag': (base) =>
    clone(base, repository(base, 'main', ['v1.2.3']), '--depth', '1', '--branch', 'v1.2.3'),
  worktree: (base) => {
    const directory = mkdtempSync(join(base, 'worktree-'));
    git(repository(base, 'main'), 'worktree', 'add', '--quiet', '-b', 'feature/two', join(directory, 'tree'));
    return join(directory, 'tree');
  },
  'a directory below the top': (base) => {
    const directory = join(repository(base, 'develop'), 'docker');
    mkdirSync(directory);
    return directory;
  },
  'no commit yet': (base) => {
    const directory = mkdtempSync(join(base, 'unborn-'));
    git(directory, 'init', '--quiet', '-b', 'develop');
    return directory;
  },
  'a bare repository': (base) => clone(base, repository(base, 'develop'), '--bare'),
  'a bare repository without a commit': (base) => {
    const directory = mkdtempSync(join(base, 'bare-'));
    git(directory, 'init', '--quiet', '--bare', '-b', 'main');
    return directory;
  },
  'sha256 object names': (base) => repository(base, 'main', [], ['--object-format=sha256']),
  'no repository': (base) => mkdtempSync(join(base, 'none-')),
};

function clone(base: string, from: string, ...options: readonly string[]): string {
  const directory = mkdtempSync(join(base, 'clone-'));
  git(base, 'clone', '--quiet', ...options, `file://${from}`, directory);
  return directory;
}

/** A repository of another user, which git reads for nobody else. */
export function foreignRepository(base: string): string {
  const directory = repository(base, 'develop');
  for (const path of [directory, join(directory, '.git')]) chownSync(path, 4321, 4321);
  return directory;
}

export function newBase(): string {
  return mkdtempSync(join(tmpdir(), 'build-image-test-git-'));
}
