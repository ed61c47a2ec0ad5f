import {compileGlob} from '../base/glob.js';
import type {Revision} from './tags.js';

/** Which tags an image gets. */
export interface TagPolicy {
  /** Tag by branch: `develop` is `latest`. */
  readonly branches: ReadonlyMap<string, string>;
  /** Exact Git tags. */
  readonly git: boolean;
  /** `1.2.3`, `1.2`, `1` of the Git tag `v1.2.3`. */
  readonly semver: boolean;
  readonly hash: boolean;
  readonly shortHash: boolean;
  readonly extra: readonly string[];
}

/** A registry that the policy file names. */
export interface PolicyRegistry {
  readonly name: string;
  readonly repository: string;
}

/** A package repository that the policy file names; credentials come from the environment by its name. */
export interface PolicyPackages {
  readonly name: string;
  readonly url: string;
  readonly distribution: string | undefined;
  readonly component: string | undefined;
}

/** What `build-image.yaml` says of delivery. */
export interface Policy {
  /** Last part of the image's name in every registry; undefined: that of the build. */
  readonly image: string | undefined;
  /** Globs for branches and Git tags that are delivered. */
  readonly deliver: readonly string[];
  readonly tags: TagPolicy;
  readonly registries: readonly PolicyRegistry[];
  readonly packages: readonly PolicyPackages[];
  /** Of the manifest, over those made from git. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Labels with revision, source, version and time of the commit at every build. */
  readonly labels: boolean;
  readonly provenance: boolean;
  readonly sbom: boolean;
}

export const defaultPolicy: Policy = {
  image: undefined,
  deliver: ['develop', 'master', 'main', 'release/*', 'test/*', 'v[0-9]*'],
  tags: {
    branches: new Map([
      ['develop', 'latest'],
      ['master', 'stable'],
      ['main', 'stable'],
    ]),
    git: true,
    semver: false,
    hash: true,
    shortHash: true,
    extra: [],
  },
  registries: [],
  packages: [],
  annotations: {},
  labels: false,
  provenance: true,
  sbom: true,
};

/** Undefined where the revision is delivered; else why it is not, as the end of a sentence. */
export function notDelivered({branch, gitTags, pullRequest, given}: Revision, {deliver}: Policy): string | undefined {
  if (pullRequest !== undefined) return `it is a pull request (${pullRequest})`;
  if (given) return undefined;
  const names = [...(branch === undefined ? [] : [branch]), ...gitTags];
  const patterns = deliver.map(compileGlob);
  if (names.some((name) => patterns.some((matches) => matches(name)))) return undefined;
  const delivered = `delivered are ${deliver.join(', ')}`;
  return names.length === 0
    ? `neither a branch nor a Git tag is known; ${delivered}`
    : `${names.join(', ')} is not delivered; ${delivered}`;
}
