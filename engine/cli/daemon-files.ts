import {defaultSocketPaths} from '../drivers/docker/default-sockets.js';
import {dockerConfigPath} from '../registry/docker-config.js';
import {environmentMap, homeOf} from './driver-choice.js';
import type {Terminal} from './terminal.js';

/** Files that decide, where no variable does, whether a daemon may be there. */
export interface DaemonFiles {
  /** Where one may listen. */
  readonly sockets: readonly string[];
  /** Docker's configuration, which may name one. */
  readonly configuration: string;
}

/** Nothing is looked at. */
export function daemonFiles({environment}: Terminal): DaemonFiles {
  const variables = environmentMap(environment);
  return {
    sockets: defaultSocketPaths(variables),
    configuration: dockerConfigPath(variables, homeOf(environment)),
  };
}
