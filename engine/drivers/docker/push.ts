import {BuildError} from '../../base/errors.js';
import {familiarName, parseReference, withDefaultTag} from '../../oci/reference.js';
import type {EventSink} from '../../progress/events.js';
import type {BuildRequest} from '../driver.js';
import {imagePath} from './api.js';
import {ndjson} from './classic/ndjson.js';
import {hostOf} from './classic/query.js';
import {bodyOf, type Daemon} from './daemon.js';

/** The outputs ask for it: `type=image,push=true`, also as `type=registry` or `--push`. */
export const wantsPush = ({outputs}: Pick<BuildRequest, 'outputs'>): boolean =>
  outputs.some(({type, attributes}) => type === 'image' && attributes['push'] === 'true');

/** The daemon pushes the image under each of its tags. Rejects with REGISTRY_FAILED, USAGE where it has no tag. */
export async function pushTags(
  daemon: Daemon,
  request: BuildRequest,
  events: EventSink,
  signal: AbortSignal,
): Promise<void> {
  if (request.tags.length === 0) {
    throw new BuildError('USAGE', 'an image without a name cannot be pushed', {
      remedy: 'Give it one: --tag registry.example.org/app:1.',
    });
  }
  for (const name of request.tags) {
    const reference = withDefaultTag(parseReference(name));
    const step = `push ${name}`;
    events.emit({type: 'step-started', step, name: `[internal] push ${name}`});
    const started = performance.now();
    let error: string | undefined = 'cancelled';
    try {
      const repository = familiarName({domain: reference.domain, path: reference.path});
      const path = `${imagePath(repository)}/push?tag=${encodeURIComponent(reference.tag ?? '')}`;
      const headers = {'X-Registry-Auth': await authOf(name, request), 'Content-Length': '0'};
      const response = await daemon.request({method: 'POST', path, headers}, signal);
      error = undefined;
      // The daemon answers 200 even for a push that fails.
      for await (const message of ndjson(bodyOf(daemon, response, signal))) {
        if (typeof message['error'] === 'string') error = message['error'];
      }
    } finally {
      const seconds = (performance.now() - started) / 1000;
      events.emit({type: 'step-done', step, seconds, ...(error !== undefined && {error})});
    }
    if (error !== undefined) {
      throw new BuildError('REGISTRY_FAILED', `the daemon cannot push ${name}: ${error}`, {
        remedy: `Log in to the registry: docker login ${reference.domain}.`,
      });
    }
  }
}

async function authOf(name: string, request: BuildRequest): Promise<string> {
  const found = await request.credentials(hostOf(name));
  const {username = '', password = '', identityToken} = found ?? {};
  const auth = {username, password, ...(identityToken !== undefined && {identitytoken: identityToken})};
  return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
