import {statSync} from 'node:fs';
import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {ComposeBuild} from '../compose/compose-build.js';
import type {SecretSource} from '../drivers/driver.js';
import type {JobSettings} from '../job/settings.js';
import type {Terminal} from './terminal.js';

type Ssh = JobSettings['ssh'] extends ReadonlyMap<string, infer V> ? V : never;

export function labelsOf(compose: ComposeBuild | undefined): Readonly<Record<string, string>> {
  return compose?.labels ?? {};
}

/** Secrets of the service's build; a variable that is not set is an error when it is asked for, not before. */
export function secretsOf(compose: ComposeBuild | undefined): readonly [string, SecretSource][] {
  return (compose?.secrets ?? []).map(({id, source}) => {
    if (source.kind === 'file') return [id, source];
    if (source.value === undefined) {
      throw new BuildError('SECRET_NOT_FOUND', `secret ${id}: the environment has no variable ${source.name}`);
    }
    return [id, {kind: 'env', name: source.name, value: source.value}];
  });
}

export function sshOf(
  compose: ComposeBuild | undefined,
  environment: Terminal['environment'],
): readonly [string, Ssh][] {
  return (compose?.ssh ?? []).map(({id, paths}) => {
    const [first] = paths;
    if (first === undefined) {
      const socket = environment['SSH_AUTH_SOCK'] ?? '';
      if (socket === '') throw new BuildError('USAGE', `ssh ${id}: no agent is running (SSH_AUTH_SOCK is not set)`);
      return [id, {socket}];
    }
    return [id, isSocket(first) ? {socket: first} : {keys: paths}];
  });
}

/** True where the path is there and is a socket. */
export function isSocket(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isSocket() ?? false;
}

const networks = ['default', 'none', 'host'] as const;

export function networkOf(flag: string | undefined, compose: ComposeBuild | undefined): JobSettings['network'] {
  const name = flag ?? compose?.network ?? 'default';
  const known = networks.find((network) => network === name);
  if (known !== undefined) return known;
  throw new BuildError('UNSUPPORTED', `RUN steps cannot use the network "${name}"${didYouMean(name, networks)}`, {
    remedy: `It is one of ${networks.join(', ')}.`,
  });
}
