import type {Redactor} from '../base/redact.js';
import {createCredentials} from '../registry/credentials.js';
import {dockerConfigPath} from '../registry/docker-config.js';
import {environmentMap, homeOf} from './driver-choice.js';
import type {Terminal} from './terminal.js';

/** Credentials of a registry out of the docker client's configuration; what is given out is never shown. */
export function credentialsOf(terminal: Terminal, redactor: Redactor, signal: AbortSignal) {
  const environment = environmentMap(terminal.environment);
  const ask = createCredentials({configPath: dockerConfigPath(environment, homeOf(terminal.environment)), environment});
  return async (host: string) => {
    const found = await ask(host, signal);
    if (found !== undefined) {
      redactor.add(found.password);
      if (found.identityToken !== undefined) redactor.add(found.identityToken);
    }
    return found;
  };
}
