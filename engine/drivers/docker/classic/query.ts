import {BuildError, quote} from '../../../base/errors.js';
import {parseReference} from '../../../oci/reference.js';
import {formatPlatform, hostPlatform, samePlatform} from '../../../oci/platform.js';
import type {Plan} from '../../../plan/plan.js';
import type {BuildRequest} from '../../driver.js';
import {stageTarget} from '../attributes.js';

/** Query of `POST /build` for the classic builder. Nothing secret is in it. */
export function classicQuery(plan: Plan, request: BuildRequest, stage: number, dockerfile: string): string {
  const query = new URLSearchParams({
    version: '1',
    rm: '1',
    forcerm: '1',
    dockerfile,
  });
  const target = stageTarget(plan, stage);
  if (target !== undefined) query.set('target', target);
  if (stage === plan.graph.target) for (const tag of request.tags) query.append('t', tag);
  if (request.buildArgs.size > 0) query.set('buildargs', JSON.stringify(Object.fromEntries(request.buildArgs)));
  if (Object.keys(request.labels).length > 0) query.set('labels', JSON.stringify(request.labels));
  if (request.noCache) query.set('nocache', '1');
  if (request.pull) query.set('pull', '1');
  if (request.network !== 'default') query.set('networkmode', request.network);
  for (const host of request.extraHosts) query.append('extrahosts', host);
  if (request.shmSize !== undefined) query.set('shmsize', String(request.shmSize));
  if (request.ulimits.length > 0) query.set('ulimits', JSON.stringify(request.ulimits.map(ulimit)));
  if (request.cacheFrom.length > 0)
    query.set('cachefrom', JSON.stringify(request.cacheFrom.flatMap(({attributes}) => attributes['ref'] ?? [])));
  // The daemon's own platform is not named: some older ones take the parameter for an experiment.
  if (!samePlatform(plan.graph.platform, hostPlatform())) query.set('platform', formatPlatform(plan.graph.platform));
  return query.toString();
}

/** `nofile=1024:2048`. */
function ulimit(text: string): {readonly Name: string; readonly Soft: number; readonly Hard: number} {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (match === null) {
    throw new BuildError('USAGE', `not a ulimit: ${quote(text)}`, {remedy: 'For example --ulimit nofile=1024:2048.'});
  }
  const [, name = '', soft = '', hard = soft] = match;
  return {Name: name, Soft: Number(soft), Hard: Number(hard)};
}

/** Credentials for the hosts of the base images, each under its own host, as the daemon wants them in a header. */
export async function registryHeader(plan: Plan, request: BuildRequest): Promise<Readonly<Record<string, string>>> {
  const config: Record<string, object> = {};
  for (const image of plan.graph.images) {
    const host = hostOf(image);
    const found = await request.credentials(host);
    if (found === undefined) continue;
    const {username, password, identityToken} = found;
    const key = host === 'index.docker.io' ? 'https://index.docker.io/v1/' : host;
    config[key] = {
      username,
      password,
      serveraddress: key,
      ...(identityToken !== undefined && {identitytoken: identityToken}),
    };
  }
  if (Object.keys(config).length === 0) return {};
  // Of the URL alphabet but padded, else the daemon takes none of it, without a word.
  const encoded = Buffer.from(JSON.stringify(config)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
  return {'X-Registry-Config': encoded};
}

export function hostOf(image: string): string {
  const {domain} = parseReference(image);
  return domain === 'docker.io' ? 'index.docker.io' : domain;
}
