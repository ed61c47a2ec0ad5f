import {sourceUrl} from './source-url.js';

/** What a CI service says of the commit that it builds. */
export interface CiState {
  /** `GitHub Actions`, … */
  readonly service: string;
  /** Of a pull request: the branch that it comes from. Undefined in the build of a tag. */
  readonly branch: string | undefined;
  readonly tag: string | undefined;
  readonly hash: string | undefined;
  /** Number of the pull or merge request. */
  readonly pullRequest: string | undefined;
  readonly source: string | undefined;
  /** Page of the run. */
  readonly run: string | undefined;
}

type Ask = (name: string) => string | undefined;

/** The first service whose variables are there; undefined outside of CI. Empty variables count as unset. */
export function readCiState(environment: ReadonlyMap<string, string>): CiState | undefined {
  const ask: Ask = (name) => {
    const value = environment.get(name)?.trim();
    return value === '' ? undefined : value;
  };
  return github(ask) ?? gitlab(ask) ?? travis(ask) ?? jenkins(ask);
}

function github(ask: Ask): CiState | undefined {
  const ref = ask('GITHUB_REF');
  const name = ask('GITHUB_REF_NAME');
  const head = ask('GITHUB_HEAD_REF');
  if ((ask('GITHUB_ACTIONS') ?? ref ?? name ?? head) === undefined) return undefined;
  const request = /^refs\/pull\/(\d+)\//.exec(ref ?? '')?.[1] ?? /^(\d+)\/merge$/.exec(name ?? '')?.[1];
  const pullRequest = request ?? (head === undefined ? undefined : head);
  const tagged = ask('GITHUB_REF_TYPE') === 'tag' || ref?.startsWith('refs/tags/') === true;
  const short = ref?.startsWith('refs/') === true ? ref.replace(/^refs\/(?:heads|tags)\//, '') : name;
  const server = ask('GITHUB_SERVER_URL');
  const repository = ask('GITHUB_REPOSITORY');
  const source = server === undefined || repository === undefined ? undefined : sourceUrl(`${server}/${repository}`);
  const run = ask('GITHUB_RUN_ID');
  return {
    service: 'GitHub Actions',
    branch: pullRequest !== undefined ? head : tagged ? undefined : short,
    tag: tagged && pullRequest === undefined ? short : undefined,
    hash: ask('GITHUB_SHA'),
    pullRequest,
    source,
    run: source === undefined || run === undefined ? undefined : `${source}/actions/runs/${run}`,
  };
}

function gitlab(ask: Ask): CiState | undefined {
  if ((ask('GITLAB_CI') ?? ask('CI_COMMIT_REF_NAME') ?? ask('CI_COMMIT_SHA')) === undefined) return undefined;
  const tag = ask('CI_COMMIT_TAG');
  const external = ask('CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME');
  const merged = ask('CI_MERGE_REQUEST_SOURCE_BRANCH_NAME') ?? external;
  const request = ask('CI_MERGE_REQUEST_IID') ?? ask('CI_EXTERNAL_PULL_REQUEST_IID') ?? merged;
  return {
    service: 'GitLab CI',
    branch: merged ?? (tag === undefined ? (ask('CI_COMMIT_BRANCH') ?? ask('CI_COMMIT_REF_NAME')) : undefined),
    tag: request === undefined ? tag : undefined,
    hash: ask('CI_COMMIT_SHA'),
    pullRequest: request,
    source: sourceUrl(ask('CI_PROJECT_URL') ?? ''),
    run: ask('CI_JOB_URL'),
  };
}

function travis(ask: Ask): CiState | undefined {
  if ((ask('TRAVIS') ?? ask('TRAVIS_BRANCH') ?? ask('TRAVIS_TAG')) === undefined) return undefined;
  const request = ask('TRAVIS_PULL_REQUEST');
  const pullRequest = request === 'false' ? undefined : request;
  const tag = pullRequest === undefined ? ask('TRAVIS_TAG') : undefined;
  const slug = ask('TRAVIS_REPO_SLUG');
  // For a pull request TRAVIS_BRANCH is where it goes to; for a tag it is the tag.
  const branch = pullRequest === undefined ? ask('TRAVIS_BRANCH') : ask('TRAVIS_PULL_REQUEST_BRANCH');
  return {
    service: 'Travis CI',
    branch: tag === undefined ? branch : undefined,
    tag,
    hash: ask('TRAVIS_PULL_REQUEST_SHA') ?? ask('TRAVIS_COMMIT'),
    pullRequest,
    source: slug === undefined ? undefined : sourceUrl(`https://github.com/${slug}`),
    run: ask('TRAVIS_JOB_WEB_URL'),
  };
}

/** Jenkins itself sets GIT_BRANCH, with the remote's name in front. */
function jenkins(ask: Ask): CiState | undefined {
  if (ask('JENKINS_URL') === undefined) return undefined;
  const pullRequest = ask('CHANGE_ID');
  const tag = pullRequest === undefined ? ask('TAG_NAME') : undefined;
  const branch = (ask('GIT_BRANCH') ?? ask('BRANCH_NAME'))?.replace(
    /^(?:refs\/heads\/|(?:refs\/remotes\/)?origin\/)/,
    '',
  );
  const named = pullRequest === undefined ? branch : (ask('CHANGE_BRANCH') ?? `PR-${pullRequest}`);
  return {
    service: 'Jenkins',
    branch: tag === undefined ? named : undefined,
    tag,
    hash: ask('GIT_COMMIT'),
    pullRequest,
    source: sourceUrl(ask('GIT_URL') ?? ''),
    run: ask('BUILD_URL'),
  };
}
