import {BuildError} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import {field, type MapNode} from './node.js';

/**
 * The service whose image is built: the one asked for, else `web`, else the only one with `build:`. Profiles do not
 * matter: a build starts nothing. Undefined where no service has one and none was asked for. Throws COMPOSE_INVALID.
 */
export function selectService(
  model: MapNode,
  wanted: string | undefined,
  files: readonly string[],
): readonly [string, MapNode] | undefined {
  const services = field(model, 'services');
  const all = services?.kind === 'map' ? services.entries : new Map<string, never>();
  const buildable = [...all.keys()].filter((name) => field(field(services, name), 'build') !== undefined);
  const file = files[0] ?? 'compose.yaml';
  const pick = (name: string): readonly [string, MapNode] | undefined => {
    const node = field(services, name);
    return node?.kind === 'map' ? [name, node] : undefined;
  };
  const choices = buildable.length === 0 ? 'No service has one.' : `Services with build: ${buildable.join(', ')}.`;
  if (wanted !== undefined) {
    if (buildable.includes(wanted)) return pick(wanted);
    const message = all.has(wanted)
      ? `service "${wanted}" has no build:`
      : `there is no service "${wanted}"${didYouMean(wanted, all.keys())}`;
    throw new BuildError('COMPOSE_INVALID', message, {file, remedy: choices});
  }
  if (buildable.includes('web')) return pick('web');
  const [only, ...more] = buildable;
  if (only === undefined) return undefined;
  if (more.length === 0) return pick(only);
  throw new BuildError(
    'COMPOSE_INVALID',
    `which service to build? ${buildable.join(', ')} have build:, none is "web"`,
    {
      file,
      remedy: 'Name one with --service NAME, or the Dockerfile with --file.',
    },
  );
}
