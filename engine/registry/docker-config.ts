import {join} from 'node:path';

/** Path of Docker's client configuration: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function dockerConfigPath(environment: ReadonlyMap<string, string>, home: string): string {
  return join(dockerConfigDirectory(environment, home), 'config.json');
}

/** Directory of Docker's client configuration, contexts and certificates. */
export function dockerConfigDirectory(environment: ReadonlyMap<string, string>, home: string): string {
  const configured = environment.get('DOCKER_CONFIG');
  return configured === undefined || configured === '' ? join(home, '.docker') : configured;
}
