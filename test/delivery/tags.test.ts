import {rmSync} from 'node:fs';
import test from 'ava';
import {readCiState} from '../../engine/delivery/ci-state.js';
import {readGitState} from '../../engine/delivery/git-state.js';
import {defaultPolicy, notDelivered, type Policy, type TagPolicy} from '../../engine/delivery/policy.js';
import {resolveRevision} from '../../engine/delivery/tags.js';
import {git, longBranch, newBase, plainGit, states} from './repositories.js';

const base = newBase();
test.after.always(() => rmSync(base, {recursive: true, force: true}));

const commit = '0123456789abcdef0123456789abcdef01234567';
const semver: Partial<TagPolicy> = {semver: true};

interface Row {
  readonly state: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly policy?: Partial<TagPolicy>;
  /** `HASH` and `SHORT` stand for those of the commit. */
  readonly tags: string;
  /** Whether the default policy delivers it. */
  readonly delivered: boolean;
}

const github = (more: Readonly<Record<string, string>>) => ({GITHUB_ACTIONS: 'true', ...more});
const rows: readonly Row[] = [
  // What git says
  {state: 'develop', tags: 'latest HASH SHORT', delivered: true},
  {state: 'master', tags: 'stable HASH SHORT', delivered: true},
  {state: 'main', tags: 'stable HASH SHORT', delivered: true},
  {state: 'feature/login', tags: 'feature_login HASH SHORT', delivered: false},
  {state: 'release/1.2', tags: 'release_1.2 HASH SHORT', delivered: true},
  {state: 'a branch with odd letters', tags: 'fix__12__ber_x HASH SHORT', delivered: false},
  {
    state: 'a branch with a long name',
    tags: `${longBranch.replace('/', '_').slice(0, 128)} HASH SHORT`,
    delivered: false,
  },
  {state: 'a branch in upper case', tags: 'JIRA-12 HASH SHORT', delivered: false},
  {state: 'main, tagged', tags: 'stable v1.2.3 HASH SHORT', delivered: true},
  {state: 'main, tagged twice', tags: 'stable v1.10.0 v1.9.0 HASH SHORT', delivered: true},
  {state: 'main, tagged with letters a tag may not hold', tags: 'stable debian_1.0_git_1 HASH SHORT', delivered: true},
  {state: 'develop, tagged before the last commit', tags: 'latest HASH SHORT', delivered: true},
  {state: 'main, with an annotated tag', tags: 'stable v2.0.0 HASH SHORT', delivered: true},
  {state: 'a branch and a tag of one name', tags: 'v3 HASH SHORT', delivered: true},
  {state: 'detached HEAD', tags: 'HASH SHORT', delivered: false},
  {state: 'detached HEAD, tagged', tags: 'v1.2.3 HASH SHORT', delivered: true},
  {state: 'shallow clone', tags: 'latest HASH SHORT', delivered: true},
  {state: 'shallow clone of a tag', tags: 'v1.2.3 HASH SHORT', delivered: true},
  {state: 'worktree', tags: 'feature_two HASH SHORT', delivered: false},
  {state: 'a directory below the top', tags: 'latest HASH SHORT', delivered: true},
  {state: 'no commit yet', tags: 'latest', delivered: true},
  {state: 'a bare repository', tags: 'latest HASH SHORT', delivered: true},
  {state: 'a bare repository without a commit', tags: 'stable', delivered: true},
  {state: 'sha256 object names', tags: 'stable HASH SHORT', delivered: true},
  {state: 'no repository', tags: '', delivered: false},
  // The policy
  {state: 'main, tagged', policy: semver, tags: 'stable v1.2.3 1.2.3 1.2 1 HASH SHORT', delivered: true},
  {state: 'main, a pre-release', policy: semver, tags: 'stable v2.0.0-rc.1 2.0.0-rc.1 HASH SHORT', delivered: true},
  {state: 'main, version 0', policy: semver, tags: 'stable v0.4.1 0.4.1 0.4 HASH SHORT', delivered: true},
  {state: 'main, tagged', policy: {hash: false, shortHash: false, git: false}, tags: 'stable', delivered: true},
  {state: 'develop', policy: {branches: new Map([['develop', 'edge']])}, tags: 'edge HASH SHORT', delivered: true},
  {state: 'develop', policy: {extra: ['nightly']}, tags: 'latest HASH SHORT nightly', delivered: true},
  // The environment over it
  {state: 'feature/login', environment: {GIT_BRANCH: 'develop'}, tags: 'latest HASH SHORT', delivered: true},
  {state: 'develop', environment: {GIT_BRANCH: ''}, tags: 'latest HASH SHORT', delivered: true},
  {state: 'develop', environment: {GIT_TAG: 'v9'}, tags: 'latest v9 HASH SHORT', delivered: true},
  {state: 'develop', environment: {GIT_HASH: commit}, tags: `latest ${commit} 0123456`, delivered: true},
  {state: 'develop', environment: {GIT_SHORT_HASH: 'abc'}, tags: 'latest HASH abc', delivered: true},
  {
    state: 'develop',
    environment: {DOCKER_EXTRA_TAGS: 'one\n\n  two/2\n'},
    tags: 'latest HASH SHORT one two_2',
    delivered: true,
  },
  {
    state: 'develop',
    environment: {DOCKER_EXTRA_TAGS: 'one two latest'},
    tags: 'latest HASH SHORT one two',
    delivered: true,
  },
  {state: 'feature/login', environment: {DOCKER_TAGS: 'a b\nc'}, tags: 'a b c', delivered: true},
  {state: 'develop', environment: {DOCKER_TAGS: 'a', DOCKER_EXTRA_TAGS: 'b'}, tags: 'a', delivered: true},
  {
    state: 'no repository',
    environment: {GIT_BRANCH: 'master', GIT_TAG: 'v1', GIT_HASH: commit, GIT_SHORT_HASH: '0123'},
    tags: `stable v1 ${commit} 0123`,
    delivered: true,
  },
  // CI services
  {
    state: 'detached HEAD',
    environment: github({GITHUB_REF: 'refs/heads/develop'}),
    tags: 'latest HASH SHORT',
    delivered: true,
  },
  {
    state: 'no repository',
    environment: github({GITHUB_REF_NAME: 'main', GITHUB_SHA: commit}),
    tags: `stable ${commit} 0123456`,
    delivered: true,
  },
  {
    state: 'detached HEAD, tagged',
    environment: github({GITHUB_REF: 'refs/tags/v1.2.3', GITHUB_REF_TYPE: 'tag', GITHUB_REF_NAME: 'v1.2.3'}),
    tags: 'v1.2.3 HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD',
    environment: github({GITHUB_REF: 'refs/pull/7/merge', GITHUB_HEAD_REF: 'feature/x', GITHUB_REF_NAME: '7/merge'}),
    tags: 'feature_x HASH SHORT',
    delivered: false,
  },
  {
    state: 'detached HEAD',
    environment: github({GITHUB_REF: 'refs/pull/7/merge', GITHUB_HEAD_REF: 'develop'}),
    tags: 'pr_develop HASH SHORT',
    delivered: false,
  },
  {
    state: 'develop',
    environment: github({
      GITHUB_REF: 'refs/heads/develop',
      GITHUB_HEAD_REF: 'latest',
      GITHUB_EVENT_NAME: 'pull_request_target',
    }),
    tags: 'pr_latest HASH SHORT',
    delivered: false,
  },
  {
    state: 'detached HEAD',
    environment: {GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'develop'},
    tags: 'latest HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD, tagged',
    environment: {GITLAB_CI: 'true', CI_COMMIT_TAG: 'v1.2.3', CI_COMMIT_REF_NAME: 'v1.2.3'},
    tags: 'v1.2.3 HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD',
    environment: {GITLAB_CI: 'true', CI_MERGE_REQUEST_IID: '3', CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'fix/y'},
    tags: 'fix_y HASH SHORT',
    delivered: false,
  },
  {
    state: 'detached HEAD',
    environment: {TRAVIS: 'true', TRAVIS_BRANCH: 'master', TRAVIS_TAG: '', TRAVIS_PULL_REQUEST: 'false'},
    tags: 'stable HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD, tagged',
    environment: {TRAVIS: 'true', TRAVIS_BRANCH: 'v1.2.3', TRAVIS_TAG: 'v1.2.3', TRAVIS_PULL_REQUEST: 'false'},
    tags: 'v1.2.3 HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD',
    environment: {
      TRAVIS: 'true',
      TRAVIS_BRANCH: 'develop',
      TRAVIS_PULL_REQUEST: '12',
      TRAVIS_PULL_REQUEST_BRANCH: 'topic',
    },
    tags: 'topic HASH SHORT',
    delivered: false,
  },
  {
    state: 'detached HEAD',
    environment: {JENKINS_URL: 'http://ci/', GIT_BRANCH: 'origin/develop'},
    tags: 'latest HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD',
    environment: {JENKINS_URL: 'http://ci/', BRANCH_NAME: 'release/2'},
    tags: 'release_2 HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD',
    environment: {
      JENKINS_URL: 'http://ci/',
      BRANCH_NAME: 'PR-4',
      GIT_BRANCH: 'PR-4',
      CHANGE_ID: '4',
      CHANGE_BRANCH: 'topic/z',
    },
    tags: 'topic_z HASH SHORT',
    delivered: false,
  },
  {
    state: 'detached HEAD, tagged',
    environment: {JENKINS_URL: 'http://ci/', BRANCH_NAME: 'v1.2.3', TAG_NAME: 'v1.2.3'},
    tags: 'v1.2.3 HASH SHORT',
    delivered: true,
  },
  {
    state: 'detached HEAD',
    environment: {GIT_BRANCH: 'master', ...github({GITHUB_REF: 'refs/heads/develop'})},
    tags: 'stable HASH SHORT',
    delivered: true,
  },
];

const title = ({state, environment = {}, policy}: Row): string => {
  const set = Object.entries(environment).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [state, ...set, ...(policy === undefined ? [] : [`policy: ${Object.keys(policy).join(', ')}`])].join(' ');
};

const made = new Map<string, string>();
const placeOf = (state: string): string => {
  const place = made.get(state) ?? states[state]?.(base);
  if (place === undefined) throw new Error(`no state ${state}`);
  made.set(state, place);
  return place;
};

for (const row of rows) {
  test(`tags of ${title(row)}`, async (t) => {
    const directory = placeOf(row.state);
    const environment = new Map(Object.entries({...plainGit, ...row.environment}));
    const policy: Policy = {...defaultPolicy, tags: {...defaultPolicy.tags, ...row.policy}};
    const finding = await readGitState(directory, environment, new AbortController().signal);
    const state = finding.kind === 'repository' ? finding.state : undefined;
    const revision = resolveRevision(state, readCiState(environment), environment, policy.tags);
    const expected = row.tags
      .split(' ')
      .filter((tag) => tag !== '')
      .map((tag) => (tag === 'HASH' ? git(directory, 'rev-parse', 'HEAD') : tag))
      .map((tag) => (tag === 'SHORT' ? git(directory, 'rev-parse', '--short', 'HEAD') : tag));
    t.deepEqual(revision.tags, expected);
    t.is(notDelivered(revision, policy) === undefined, row.delivered);
  });
}

test('the time of the commit and the address of its repository are read', async (t) => {
  const directory = placeOf('main, version 0');
  git(directory, 'remote', 'add', 'origin', 'https://user:secret@git.example.org/team/app.git');
  const finding = await readGitState(directory, new Map(Object.entries(plainGit)), new AbortController().signal);
  t.is(finding.kind, 'repository');
  if (finding.kind !== 'repository') return;
  t.is(finding.state.time, Date.UTC(2024, 4, 6, 7, 8, 9) / 1000);
  t.is(finding.state.source, 'https://git.example.org/team/app');
});

test('without git on the machine the environment is asked alone', async (t) => {
  const environment = new Map([['PATH', '/nonexistent']]);
  const finding = await readGitState(placeOf('develop'), environment, new AbortController().signal);
  t.deepEqual(finding, {kind: 'no-git'});
});
