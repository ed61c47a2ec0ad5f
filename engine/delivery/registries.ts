import {BuildError, quote} from '../base/errors.js';
import {formatReference, parseReference, type Reference, repositoryOf} from '../oci/reference.js';
import type {RegistryCredentials} from '../registry/credentials.js';
import type {PolicyRegistry} from './policy.js';

/** One place that an image is pushed to. */
export interface RegistryTarget {
  /** `DOCKERHUB` of DOCKERHUB_REPO; what the policy or the flag calls it. */
  readonly name: string;
  /** Without tag. */
  readonly repository: Reference;
  /** For the host of `repository` alone. Undefined: docker's configuration is asked. */
  readonly credentials: RegistryCredentials | undefined;
}

/** A registry that is named and not used, and why. */
export interface Unconfigured {
  readonly name: string;
  readonly why: string;
}

export interface FoundRegistries {
  readonly targets: readonly RegistryTarget[];
  /** Named by `<NAME>_REPO` without user and key: docker's configuration may have them. */
  readonly open: readonly RegistryTarget[];
  readonly unconfigured: readonly Unconfigured[];
}

const suffix = '_REPO';
/** Of packages. */
const packageSuffix = '_DEB_REPO';

/**
 * Registries of the environment: `<NAME>_REPO` is a registry or a place in one, `<NAME>_USERNAME` and `<NAME>_API_KEY` open it. In
 * the order of the names. Throws CONFIG_INVALID, naming the variable, where one with credentials is no repository.
 */
export function registriesOf(environment: ReadonlyMap<string, string>, image: string): FoundRegistries {
  const targets: RegistryTarget[] = [];
  const open: RegistryTarget[] = [];
  const unconfigured: Unconfigured[] = [];
  const variables = [...environment.keys()]
    .filter((key) => key.endsWith(suffix) && !key.endsWith(packageSuffix))
    .sort();
  for (const variable of variables) {
    const name = variable.slice(0, -suffix.length);
    const value = environment.get(variable)?.trim() ?? '';
    if (name === '' || value === '') continue;
    const [username = '', password = ''] = ['USERNAME', 'API_KEY'].map(
      (part) => environment.get(`${name}_${part}`) ?? '',
    );
    const missing = [...(username === '' ? [`${name}_USERNAME`] : []), ...(password === '' ? [`${name}_API_KEY`] : [])];
    if (missing.length === 0) {
      targets.push({name, repository: repositoryAt(variable, value, image), credentials: {username, password}});
      continue;
    }
    // Other programs have variables of that form: what is no repository is none of ours.
    const repository = attempt(() => repositoryAt(variable, value, image));
    const why = `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not set`;
    unconfigured.push({name, why});
    if (repository !== undefined && missing.length === 2) open.push({name, repository, credentials: undefined});
  }
  return {targets, open, unconfigured};
}

/** A registry that the policy or a flag names; its credentials are those of docker's configuration, or none. */
export function namedRegistry({name, repository}: PolicyRegistry, image: string): RegistryTarget {
  return {name, repository: repositoryAt(name, repository, image), credentials: undefined};
}

/**
 * `ghcr.io/team` and `portal` make `ghcr.io/team/portal`; a value that ends in the image's name already is left as it is, and
 * `team` alone is at Docker Hub. Throws CONFIG_INVALID. The value is not quoted where it may hold a password.
 */
export function repositoryAt(what: string, value: string, image: string): Reference {
  const base = value.replace(/^https?:\/\//i, '').replace(/\/+$/, '');
  const shown = value.includes('@') ? '' : ` ${quote(value)}`;
  const last = base.split('/').at(-1);
  // A host alone may have the name of the image.
  const text =
    base.includes('/') && last === image
      ? base
      : base === ''
        ? image
        : `${isHost(base) || base.includes('/') ? base : `docker.io/${base}`}/${image}`;
  try {
    const reference = parseReference(text);
    if (reference.tag !== undefined || reference.digest !== undefined) throw new Error('it has a tag');
    return reference;
  } catch (error) {
    throw new BuildError('CONFIG_INVALID', `${what}${shown} is not a registry, nor a place in one`, {
      remedy:
        'It is HOST[:PORT][/NAME…], such as ghcr.io/team, without a scheme, tag or password; the image’s name is added.',
      cause: error,
    });
  }
}

/** What docker takes for a host where nothing follows. */
function isHost(text: string): boolean {
  return text === 'localhost' || /[.:]/.test(text);
}

/** Every tag in the repository, as a full reference. */
export function referencesOf({repository}: RegistryTarget, tags: readonly string[]): readonly string[] {
  const {domain, path} = repository;
  return tags.map((tag) => formatReference({domain, path, tag}));
}

/** Targets that push to the same repository as an earlier one are left out. */
export function distinct(targets: readonly RegistryTarget[]): readonly RegistryTarget[] {
  return [
    ...new Map([...targets].reverse().map((target) => [repositoryOf(target.repository), target])).values(),
  ].reverse();
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}
