import {basename} from 'node:path';
import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {RegistryCredentials} from '../registry/credentials.js';
import type {PolicyPackages} from './policy.js';

/** A Debian package as it lies on the disk. */
export interface PackageFile {
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
}

/** A Debian repository. Neither its URL nor what is made of it holds a password. */
export type PackageTarget = {
  readonly name: string;
  readonly distribution: string;
  readonly component: string;
  readonly credentials: RegistryCredentials | undefined;
} & (
  | {
      /** aptly's REST API at `api` (`http://host:8080/api`), local repository `repository`, published below `prefix`. */
      readonly kind: 'aptly';
      readonly api: string;
      readonly repository: string;
      readonly prefix: string;
      /** Signs with this key, or the default one; undefined: not signed. */
      readonly gpgKey: string | undefined;
    }
  | {
      /** One request a file, to `template` with its fields filled in. */
      readonly kind: 'upload';
      readonly method: 'PUT' | 'POST';
      readonly template: string;
    }
);

const suffix = '_DEB_REPO';
const fields = ['name', 'version', 'architecture', 'distribution', 'component', 'file', 'letter'] as const;
const usualDistribution = 'stable';
const usualComponent = 'main';

/**
 * Repositories of the environment: `<NAME>_DEB_REPO` with `<NAME>_DEB_USERNAME` or `<NAME>_USERNAME`, the same with API_KEY, and
 * `<NAME>_DEB_DISTRIBUTION` or `<NAME>_DISTRIBUTION`; then those of the policy. Throws CONFIG_INVALID, naming the variable.
 */
export function packageTargetsOf(
  environment: ReadonlyMap<string, string>,
  policy: readonly PolicyPackages[],
): readonly PackageTarget[] {
  const variables = [...environment.keys()].filter((key) => key.endsWith(suffix) && key.length > suffix.length).sort();
  const found = variables.flatMap((variable) => {
    const url = environment.get(variable)?.trim() ?? '';
    const name = variable.slice(0, -suffix.length);
    return url === ''
      ? []
      : [targetOf(variable, {name, url, distribution: undefined, component: undefined}, environment)];
  });
  return [...found, ...policy.map((entry) => targetOf(entry.name, entry, environment))];
}

function targetOf(what: string, entry: PolicyPackages, environment: ReadonlyMap<string, string>): PackageTarget {
  const own = (part: string): string | undefined => {
    const values = [`${entry.name}_DEB_${part}`, `${entry.name}_${part}`].map((key) => environment.get(key)?.trim());
    return values.find((value) => value !== undefined && value !== '');
  };
  const {url, credentials: inside} = splitUrl(what, entry.url);
  const [username, password] = [own('USERNAME'), own('API_KEY')];
  const given = password === undefined ? undefined : {username: username ?? '', password};
  const shared = {
    name: entry.name,
    distribution: entry.distribution ?? own('DISTRIBUTION') ?? usualDistribution,
    component: entry.component ?? own('COMPONENT') ?? usualComponent,
    credentials: given ?? inside,
  };
  const aptly = aptlyOf(url);
  if (aptly === undefined) return {...shared, kind: 'upload', ...templateOf(what, url)};
  const repository = aptly.repository ?? own('NAME');
  if (repository === undefined) {
    throw new BuildError('CONFIG_INVALID', `${what} names no local repository of aptly`, {
      remedy: `Write ${aptly.api}/repos/NAME.`,
    });
  }
  return {...shared, kind: 'aptly', api: aptly.api, repository, prefix: own('PREFIX') ?? '.', gpgKey: own('GPG_KEY')};
}

/** User and password inside a URL are credentials, and no part of it. The value is never quoted: it may hold them. */
function splitUrl(
  what: string,
  text: string,
): {readonly url: string; readonly credentials: RegistryCredentials | undefined} {
  const match = /^((?:aptly\+)?https?:\/\/)(?:([^/@]*)@)?([^/@\s]+(?:\/\S*)?)$/i.exec(text);
  if (match === null) {
    throw new BuildError('CONFIG_INVALID', `${what} is not the URL of a package repository`, {
      remedy: 'It begins with https:// or http://; README.md lists the forms.',
    });
  }
  const [, scheme = '', user, rest = ''] = match;
  const url = `${scheme.toLowerCase()}${rest}`;
  if (user === undefined || user === '') return {url, credentials: undefined};
  const [username = '', ...password] = user.split(':');
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  };
  return {url, credentials: {username: decode(username), password: decode(password.join(':'))}};
}

/** `http://host:8080/api`, `…/api/repos/NAME`, `aptly+http://host:8080[/NAME]`. */
function aptlyOf(url: string): {readonly api: string; readonly repository: string | undefined} | undefined {
  const marked = /^aptly\+(https?:\/\/[^/]+)(?:\/(?:api(?:\/repos)?\/?)?([^/]*))?\/*$/.exec(url);
  if (marked !== null) {
    const [, host = '', repository = ''] = marked;
    return {api: `${host}/api`, repository: repository === '' ? undefined : repository};
  }
  const api = /^(https?:\/\/.*?\/api)(?:\/repos\/([^/{}]+)(?:\/(?:packages)?)?)?\/*$/.exec(url);
  if (api === null || /\/api\/packages\//.test(url)) return undefined;
  return {api: api[1] ?? '', repository: api[2]};
}

/** Where the URL has no fields of its own, those that the kind of server wants. Throws CONFIG_INVALID for an unknown field. */
function templateOf(what: string, url: string): {readonly method: 'PUT' | 'POST'; readonly template: string} {
  for (const [, field = ''] of url.matchAll(/\{([^}]*)\}/g)) {
    if ((fields as readonly string[]).includes(field)) continue;
    throw new BuildError('CONFIG_INVALID', `${what} has an unknown field {${field}}${didYouMean(field, fields)}`, {
      remedy: `Fields: ${fields.map((name) => `{${name}}`).join(', ')}.`,
    });
  }
  if (url.includes('{')) return {method: 'PUT', template: url};
  const base = url.replace(/\/+$/, '');
  // Gitea, Forgejo
  if (/\/api\/packages\/[^/]+\/debian$/.test(base))
    return {method: 'PUT', template: `${base}/pool/{distribution}/{component}/upload`};
  // GitLab: its Debian registry, and its generic one
  if (/\/api\/v4\/projects\/[^/]+\/packages\/debian$/.test(base)) {
    return {method: 'PUT', template: `${base}/{file}?distribution={distribution}&component={component}`};
  }
  if (/\/api\/v4\/projects\/[^/]+\/packages\/generic$/.test(base))
    return {method: 'PUT', template: `${base}/{name}/{version}/{file}`};
  // Artifactory takes the place in the repository from matrix parameters.
  if (/\/artifactory\/|\.jfrog\.io(?::\d+)?\//.test(base) && !base.includes(';')) {
    const matrix = ';deb.distribution={distribution};deb.component={component};deb.architecture={architecture}';
    return {method: 'PUT', template: `${base}/pool/{file}${matrix}`};
  }
  // Nexus takes the package at the repository's own address.
  if (/\/repository\/[^/]+$/.test(base)) return {method: 'POST', template: `${base}/`};
  return {method: 'PUT', template: `${base}/{file}`};
}

/** Where a package goes: the address of the upload, or of aptly's local repository. */
export function packageUrl(target: PackageTarget, file: PackageFile): string {
  if (target.kind === 'aptly') return `${target.api}/repos/${encodeURIComponent(target.repository)}`;
  const values: Readonly<Record<(typeof fields)[number], string>> = {
    name: file.name,
    version: file.version,
    architecture: file.architecture,
    distribution: target.distribution,
    component: target.component,
    file: basename(file.path),
    letter: /^lib./.test(file.name) ? file.name.slice(0, 4) : file.name.slice(0, 1),
  };
  return target.template.replace(/\{(\w+)\}/g, (whole, field: string) => {
    const value = (values as Readonly<Record<string, string>>)[field];
    if (value === undefined) throw new Error(`unreachable: the field ${quote(whole)} was checked`);
    return encodeURIComponent(value);
  });
}
