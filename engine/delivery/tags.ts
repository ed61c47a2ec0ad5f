import type {CiState} from './ci-state.js';
import type {GitState} from './git-state.js';
import type {TagPolicy} from './policy.js';
import {semverTags, tagName, words} from './tag-name.js';

/** What is delivered, and the tags that it gets. */
export interface Revision {
  /** In the order of their meaning: branch, Git tags, hashes, further ones. Each once. */
  readonly tags: readonly string[];
  readonly branch: string | undefined;
  readonly gitTags: readonly string[];
  readonly hash: string | undefined;
  readonly pullRequest: string | undefined;
  /** The tags were given, all of them, by DOCKER_TAGS. */
  readonly given: boolean;
}

/**
 * The environment's GIT_BRANCH, GIT_TAG, GIT_HASH, GIT_SHORT_HASH and DOCKER_TAGS over what the CI service says, over what
 * git says; empty ones count as unset. Pure.
 */
export function resolveRevision(
  git: GitState | undefined,
  ci: CiState | undefined,
  environment: ReadonlyMap<string, string>,
  policy: TagPolicy,
): Revision {
  const own = (name: string): string | undefined => {
    const value = environment.get(name)?.trim();
    return value === '' ? undefined : value;
  };
  // Jenkins sets GIT_BRANCH for every build: it has been read with the rest of what Jenkins says.
  const branch =
    (ci?.service === 'Jenkins' ? undefined : own('GIT_BRANCH')) ??
    (ci === undefined ? git?.branch : (ci.branch ?? branchBeside(ci, git)));
  const gitTags =
    own('GIT_TAG') !== undefined ? words(own('GIT_TAG')) : ci?.tag !== undefined ? [ci.tag] : (git?.tags ?? []);
  // What is checked out counts before what the service set out from.
  const given = own('GIT_HASH');
  const hash = given ?? git?.hash ?? ci?.hash;
  const shortHash =
    own('GIT_SHORT_HASH') ?? (given === undefined && git?.hash !== undefined ? git.shortHash : hash?.slice(0, 7));
  const all = own('DOCKER_TAGS');
  const pullRequest = ci?.pullRequest;
  const named = [
    ...(branch === undefined ? [] : [branchTag(branch, pullRequest, policy)]),
    ...(policy.git ? gitTags : []),
    ...(policy.semver ? gitTags.flatMap(semverTags) : []),
    ...(policy.hash && hash !== undefined ? [hash] : []),
    ...(policy.shortHash && shortHash !== undefined ? [shortHash] : []),
    ...policy.extra,
    ...words(own('DOCKER_EXTRA_TAGS')),
  ];
  const tags = (all === undefined ? named : words(all)).map(tagName).filter((tag) => tag !== '');
  return {tags: [...new Set(tags)], branch, gitTags, hash, pullRequest, given: all !== undefined};
}

/** A service that names neither branch nor tag leaves the question to git. */
function branchBeside(ci: CiState, git: GitState | undefined): string | undefined {
  return ci.tag === undefined && ci.pullRequest === undefined ? git?.branch : undefined;
}

/**
 * `develop` is `latest`, as the policy has it. A pull request may call its branch as it likes: it gets none of the names
 * that stand for a branch of the project.
 */
function branchTag(branch: string, pullRequest: string | undefined, policy: TagPolicy): string {
  if (pullRequest === undefined) return policy.branches.get(branch) ?? branch;
  const name = tagName(branch);
  const reserved = [...policy.branches].some(([from, to]) => name === tagName(from) || name === tagName(to));
  return reserved ? `pr_${name}` : name;
}
