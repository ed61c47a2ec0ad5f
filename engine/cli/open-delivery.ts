import {basename, join, resolve} from 'node:path';
import {readdir, stat} from 'node:fs/promises';
import {readDeb} from '../artifacts/deb.js';
import {BuildError, hasErrno} from '../base/errors.js';
import type {Redactor} from '../base/redact.js';
import {readCiState} from '../delivery/ci-state.js';
import {type GitFinding, readGitState} from '../delivery/git-state.js';
import type {PackageFile} from '../delivery/package-targets.js';
import {type Delivery, planDelivery} from '../delivery/plan-delivery.js';
import {readPolicy} from '../delivery/policy-file.js';
import type {Policy, PolicyRegistry} from '../delivery/policy.js';
import {resolveRevision, type Revision} from '../delivery/tags.js';
import {shown} from '../job/dockerfile-source.js';
import {type Reference} from '../oci/reference.js';
import {createCredentials, type CredentialSource} from '../registry/credentials.js';
import {dockerConfigPath} from '../registry/docker-config.js';
import type {TargetFlags} from './deliver-options.js';
import {environmentMap, homeOf} from './driver-choice.js';
import type {Terminal} from './terminal.js';

/** What is delivered, from where. */
export interface DeliverySource {
  /** The checkout, absolute. */
  readonly directory: string;
  /** The image as its builder names it; undefined: it has no name. */
  readonly own: Reference | undefined;
  readonly packages: readonly PackageFile[];
}

export interface OpenedDelivery {
  readonly delivery: Delivery;
  readonly policy: Policy;
  readonly revision: Revision;
  readonly git: GitFinding;
  readonly stored: CredentialSource;
  readonly packages: readonly PackageFile[];
}

/** Policy, git, CI and environment into what a delivery does. `redactor` learns every credential that is read. */
export async function openDelivery(
  source: DeliverySource,
  flags: TargetFlags,
  terminal: Terminal,
  redactor: Redactor,
  signal: AbortSignal,
): Promise<OpenedDelivery> {
  const environment = environmentMap(terminal.environment);
  for (const [name, value] of environment) if (name.endsWith('_API_KEY')) redactor.add(value);
  const file = flags.policy === undefined ? undefined : resolve(terminal.directory, flags.policy);
  const policy = await readPolicy(file, source.directory, (path) => shown(path, terminal.directory), signal);
  const git = await readGitState(source.directory, environment, signal);
  const ci = readCiState(environment);
  const revision = resolveRevision(git.kind === 'repository' ? git.state : undefined, ci, environment, policy.tags);
  // Without branch and commit nothing is known that a delivery could go by.
  if (git.kind === 'refused' && revision.branch === undefined && revision.hash === undefined && !revision.given) {
    throw new BuildError('GIT_FAILED', `git refuses to read ${source.directory}: it belongs to another user`, {
      remedy: `If you trust it: git config --global --add safe.directory ${source.directory}`,
    });
  }
  const stored = learning(storedCredentials(terminal), redactor);
  const delivery = await planDelivery(
    {
      environment,
      policy,
      revision,
      image: imageName(policy, source),
      own: source.own,
      registries: (flags.registry ?? []).map(registryOf),
      packages: source.packages,
      anyBranch: flags.anyBranch ?? false,
      stored,
    },
    signal,
  );
  return {delivery, policy, revision, git, stored, packages: source.packages};
}

function storedCredentials(terminal: Terminal): CredentialSource {
  const environment = environmentMap(terminal.environment);
  return createCredentials({configPath: dockerConfigPath(environment, homeOf(terminal.environment)), environment});
}

function learning(ask: CredentialSource, redactor: Redactor): CredentialSource {
  return async (host, signal) => {
    const found = await ask(host, signal);
    for (const secret of [found?.password, found?.identityToken]) if (secret !== undefined) redactor.add(secret);
    return found;
  };
}

/** `NAME=REPOSITORY`, or the repository alone. */
function registryOf(text: string): PolicyRegistry {
  const [, name, repository] = /^([\w.-]+)=(.+)$/.exec(text) ?? [];
  return name === undefined || repository === undefined ? {name: text, repository: text} : {name, repository};
}

/** What the policy says, else the last part of the image's own name, else the name of the directory. */
function imageName(policy: Policy, {own, directory}: DeliverySource): string {
  if (policy.image !== undefined) return policy.image;
  const last = own?.path.split('/').at(-1);
  if (last !== undefined) return last;
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return name === '' ? 'image' : name;
}

/** The packages that are named, or every .deb of the artifacts directory. Rejects with ARTIFACT_INVALID, NOT_FOUND. */
export async function packagesToDeliver(
  named: readonly string[] | undefined,
  directory: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly PackageFile[]> {
  const paths = named ?? (await debsIn(resolve(terminal.directory, directory), directory));
  const files: PackageFile[] = [];
  for (const path of paths) {
    const absolute = resolve(terminal.directory, path);
    const found = await stat(absolute).catch(() => undefined);
    if (found?.isFile() !== true) throw new BuildError('NOT_FOUND', `there is no package ${path}`);
    const deb = await readDeb(absolute, signal, path);
    files.push({path, name: deb.package, version: deb.version, architecture: deb.architecture});
  }
  return files;
}

async function debsIn(absolute: string, shown: string): Promise<readonly string[]> {
  try {
    const names = await readdir(absolute);
    return names
      .filter((name) => name.endsWith('.deb'))
      .sort()
      .map((name) => join(shown, name));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
