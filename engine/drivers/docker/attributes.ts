import {basename} from 'node:path';
import {BuildError, quote} from '../../base/errors.js';
import {formatPlatform} from '../../oci/platform.js';
import {familiarName, parseReference} from '../../oci/reference.js';
import type {Plan} from '../../plan/plan.js';
import type {BuildRequest, CacheSpec, NamedContext} from '../driver.js';

/** Name under which the daemon reads the Dockerfile; it shows in the names of steps. */
export function dockerfileName(plan: Plan): string {
  const name = basename(plan.dockerfile.file);
  return name === '' || name === '-' ? 'Dockerfile' : name;
}

/**
 * What the stage with this index is called on the daemon's side: BuildKit names unnamed ones like this in its steps. The
 * last stage needs no name: undefined.
 */
export function stageTarget(plan: Plan, index: number): string | undefined {
  return index === plan.graph.stages.length - 1 ? undefined : stageName(plan, index);
}

function stageName(plan: Plan, index: number): string {
  return plan.graph.stages[index]?.name ?? `stage-${index}`;
}

/**
 * The Dockerfile with a name for each of `stages` that has none, since the daemon finds targets by name alone. Lines are
 * kept.
 */
export function nameStages(plan: Plan, stages: readonly number[]): string {
  const lines = plan.effectiveText.split('\n');
  const froms = plan.dockerfile.instructions.filter(({keyword}) => keyword === 'FROM');
  for (const index of stages) {
    const range = froms[index]?.range;
    if (plan.graph.stages[index]?.name !== undefined || range === undefined) continue;
    if (stageTarget(plan, index) === undefined) continue;
    const line = lines[range.end - 1] ?? '';
    lines[range.end - 1] = `${line.replace(/\s+$/, '')} AS ${stageName(plan, index)}${line.endsWith('\r') ? '\r' : ''}`;
  }
  return lines.join('\n');
}

/** Options of BuildKit's Dockerfile frontend for one target. Secrets are not among them. */
export function frontendAttributes(
  plan: Plan,
  request: BuildRequest,
  target: string | undefined,
): Record<string, string> {
  const attributes: Record<string, string> = {
    filename: dockerfileName(plan),
    ...(target !== undefined && {target}),
    platform: formatPlatform(plan.graph.platform),
  };
  for (const [name, value] of request.buildArgs) attributes[`build-arg:${name}`] = value;
  for (const [name, value] of Object.entries(request.labels)) attributes[`label:${name}`] = value;
  if (request.noCache) attributes['no-cache'] = '';
  else if (request.noCacheFilter.length > 0) attributes['no-cache'] = request.noCacheFilter.join(',');
  if (request.pull) attributes['image-resolve-mode'] = 'pull';
  if (request.network !== 'default') attributes['force-network-mode'] = request.network;
  if (request.extraHosts.length > 0) attributes['add-hosts'] = request.extraHosts.map(hostEntry).join(',');
  if (request.shmSize !== undefined) attributes['shm-size'] = String(request.shmSize);
  if (request.ulimits.length > 0) attributes['ulimit'] = request.ulimits.join(',');
  const imports = request.cacheFrom.map(cacheEntry);
  if (imports.length > 0) {
    // The newer name, and the one that frontends of before 2019 read.
    attributes['cache-imports'] = JSON.stringify(imports.map(({type, attrs}) => ({Type: type, Attrs: attrs})));
    const references = imports.filter(({type}) => type === 'registry').map(({attrs}) => attrs['ref'] ?? '');
    if (references.length > 0) attributes['cache-from'] = references.join(',');
  }
  for (const [name, context] of request.contexts)
    attributes[`context:${contextKey(name)}`] = namedContext(name, context);
  // A frontend that does not know them says so instead of building something else.
  if (request.contexts.size > 0) attributes['frontend.caps'] = 'moby.buildkit.frontend.contexts+forward';
  return attributes;
}

/** As BuildKit's API has it. */
export const cacheEntry = ({type, attributes}: CacheSpec): {type: string; attrs: Record<string, string>} => ({
  type,
  attrs: {...attributes},
});

function hostEntry(text: string): string {
  const at = text.search(/[:=]/);
  if (at <= 0) {
    throw new BuildError('USAGE', `a host is added as NAME:IP, not ${quote(text)}`, {
      remedy: 'For example --add-host registry.local:10.0.0.5.',
    });
  }
  return `${text.slice(0, at)}=${text.slice(at + 1).replace(/^\[(.*)\]$/, '$1')}`;
}

function namedContext(name: string, context: NamedContext): string {
  switch (context.kind) {
    case 'directory':
      return `local:${localName(name)}`;
    case 'image':
      return `docker-image://${context.reference}`;
    case 'oci-layout': {
      const digest = context.digest === undefined ? '' : `@${context.digest}`;
      return `oci-layout://${localName(name)}${digest}`;
    }
    case 'url':
      return context.url;
    default:
      throw new Error(`unreachable: ${String(context satisfies never)}`);
  }
}

/** Name under which the frontend looks a context up: lower case, and for an image's name the short form. */
function contextKey(name: string): string {
  const lower = name.toLowerCase();
  try {
    return familiarName(parseReference(lower)).replace(/:latest$/, '');
  } catch (error) {
    if (error instanceof BuildError) return lower;
    throw error;
  }
}

/** Name of a named context's files within the session; no clash with `context` and `dockerfile`. */
export function localName(name: string): string {
  return `named-${Buffer.from(name).toString('hex')}`;
}
