import {BuildError, quote} from '../base/errors.js';
import {type EndpointOptions, endpointsOf} from '../registry/endpoint.js';
import type {Terminal} from './terminal.js';

const mirrorsName = 'BUILD_IMAGE_REGISTRY_MIRRORS';
const insecureName = 'BUILD_IMAGE_INSECURE_REGISTRIES';

/**
 * What `daemon.json` has as `registry-mirrors` and `insecure-registries`, for the embedded engine. Mirrors are of Docker Hub, or
 * `HOST=MIRROR` of another registry. Throws BuildError CONFIG_INVALID.
 */
export function registriesOf(environment: Terminal['environment']): EndpointOptions {
  const insecure = words(environment[insecureName]);
  for (const host of insecure) {
    if (/[/@\s]/.test(host))
      throw new BuildError('CONFIG_INVALID', `${insecureName} has HOST[:PORT] only, not ${quote(host)}`);
  }
  const mirrors = new Map<string, string[]>();
  for (const word of words(environment[mirrorsName])) {
    const [, domain = 'docker.io', mirror = ''] = /^(?:([\w.:-]+)=)?(.*)$/s.exec(word) ?? [];
    mirrors.set(domain, [...(mirrors.get(domain) ?? []), mirror]);
  }
  for (const domain of mirrors.keys()) endpointsOf(domain, {mirrors, insecure});
  return {mirrors, insecure};
}

function words(text = ''): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}
