import type {CredentialSource} from '../registry/credentials.js';
import {BuildError} from '../base/errors.js';
import {type Reference, repositoryOf, defaultDomain} from '../oci/reference.js';
import {type PackageFile, type PackageTarget, packageTargetsOf, packageUrl} from './package-targets.js';
import {notDelivered, type Policy, type PolicyRegistry} from './policy.js';
import {distinct, namedRegistry, referencesOf, registriesOf, type RegistryTarget} from './registries.js';
import type {Revision} from './tags.js';

export interface DeliveryOptions {
  readonly environment: ReadonlyMap<string, string>;
  readonly policy: Policy;
  readonly revision: Revision;
  /** Last part of the image's name. */
  readonly image: string;
  /** The whole name that the build gave it; undefined: none. */
  readonly own: Reference | undefined;
  /** Beside those of environment and policy. */
  readonly registries: readonly PolicyRegistry[];
  readonly packages: readonly PackageFile[];
  /** The policy does not say which revision is delivered. */
  readonly anyBranch: boolean;
  /** Those of docker's configuration. */
  readonly stored: CredentialSource;
}

export interface PackageDelivery {
  readonly file: PackageFile;
  readonly target: PackageTarget;
  /** Without a password. */
  readonly url: string;
}

/** Everything that a delivery would do. */
export interface Delivery {
  readonly tags: readonly string[];
  readonly registries: readonly {readonly target: RegistryTarget; readonly references: readonly string[]}[];
  readonly packages: readonly PackageDelivery[];
  /** Why nothing is delivered, as a sentence; undefined where something is. */
  readonly nothing: string | undefined;
  /** To be said to the user. */
  readonly notes: readonly string[];
}

/**
 * Which tags go where. Nothing is sent; a credential helper may be asked whether a host is known. Rejects with CONFIG_INVALID,
 * CREDENTIALS_INVALID or the signal's reason.
 */
export async function planDelivery(options: DeliveryOptions, signal: AbortSignal): Promise<Delivery> {
  const {policy, revision, packages} = options;
  const notes: string[] = [];
  const refused = options.anyBranch ? undefined : notDelivered(revision, policy);
  const targets = await targetsOf(options, notes, signal);
  const repositories = packageTargetsOf(options.environment, policy.packages);
  const nothing = (why: string): Delivery => ({tags: revision.tags, registries: [], packages: [], nothing: why, notes});
  if (targets.length === 0 && repositories.length === 0) {
    return nothing('no registry and no package repository is configured: nothing is delivered');
  }
  if (refused !== undefined) return nothing(`nothing is delivered: ${refused}`);
  if (revision.tags.length === 0 && targets.length > 0) notes.push('the image has no tag to be delivered under');
  if (packages.length === 0 && repositories.length > 0) notes.push('there is no package to be delivered');
  const registries =
    revision.tags.length === 0
      ? []
      : targets.map((target) => ({target, references: referencesOf(target, revision.tags)}));
  const uploads = repositories.flatMap((target) =>
    packages.map((file) => ({file, target, url: packageUrl(target, file)})),
  );
  return {
    tags: revision.tags,
    registries,
    packages: uploads,
    nothing: registries.length + uploads.length === 0 ? 'there is nothing to be delivered' : undefined,
    notes,
  };
}

async function targetsOf(
  options: DeliveryOptions,
  notes: string[],
  signal: AbortSignal,
): Promise<readonly RegistryTarget[]> {
  const {environment, policy, image, own, stored} = options;
  const found = registriesOf(environment, image);
  const known = async ({repository}: RegistryTarget): Promise<boolean> => {
    try {
      return (await stored(credentialHost(repository), signal)) !== undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BuildError)) throw error;
      notes.push(`docker's configuration is passed over for ${repository.domain}: ${error.message}`);
      return false;
    }
  };
  const opened: RegistryTarget[] = [];
  for (const target of found.open) if (await known(target)) opened.push(target);
  for (const {name, why} of found.unconfigured) {
    if (!opened.some((target) => target.name === name)) notes.push(`${name}_REPO is not used: ${why}`);
  }
  const named = [...policy.registries, ...options.registries].map((entry) => namedRegistry(entry, image));
  const all = [...found.targets, ...opened, ...named];
  const self = ownTarget(own);
  if (self !== undefined && !all.some(({repository}) => same(repository, self.repository)) && (await known(self)))
    all.push(self);
  return distinct(all);
}

/** Where the image's own name says it belongs. What is short for an official image of Docker Hub is nobody's to push. */
function ownTarget(own: Reference | undefined): RegistryTarget | undefined {
  if (own === undefined || (own.domain === defaultDomain && own.path.startsWith('library/'))) return undefined;
  const {domain, path} = own;
  return {name: domain, repository: {domain, path}, credentials: undefined};
}

const same = (a: Reference, b: Reference): boolean => repositoryOf(a) === repositoryOf(b);

/** The name under which credentials for a repository are kept. */
export function credentialHost({domain}: Reference): string {
  return domain === defaultDomain ? 'index.docker.io' : domain;
}
