import type {CiState} from './ci-state.js';
import type {GitState} from './git-state.js';
import type {Revision} from './tags.js';

const prefix = 'org.opencontainers.image';

/**
 * What OCI calls the revision, source, version and time of an image (image-spec, annotations.md), as far as they are known.
 * The time is that of the commit: the same commit has the same annotations.
 */
export function revisionAnnotations(
  {hash, gitTags, branch}: Pick<Revision, 'hash' | 'gitTags' | 'branch'>,
  git: GitState | undefined,
  ci: CiState | undefined,
): Readonly<Record<string, string>> {
  const source = git?.source ?? ci?.source;
  const version = gitTags[0] ?? branch;
  // Of a commit that the environment names instead, the time is not known.
  const time = git?.hash === hash ? git?.time : undefined;
  return {
    ...(time !== undefined && {[`${prefix}.created`]: new Date(time * 1000).toISOString().replace('.000Z', 'Z')}),
    ...(hash !== undefined && {[`${prefix}.revision`]: hash}),
    ...(source !== undefined && {[`${prefix}.source`]: source}),
    ...(version !== undefined && {[`${prefix}.version`]: version}),
  };
}
