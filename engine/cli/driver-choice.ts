import {homedir} from 'node:os';
import {BuildError, messageOf} from '../base/errors.js';
import type {DockerEndpoint} from '../drivers/docker/endpoint.js';
import type {Driver} from '../drivers/driver.js';
import type {LoadInto} from '../drivers/embedded/outputs/load-output.js';
import {registriesOf} from './registries.js';
import type {Terminal} from './terminal.js';

/** Milliseconds within which a daemon answers, or is not there. */
const answersWithin = 500;
/** The same where the user asked for the daemon, or named it: it may be starting, busy or far away. */
const patience = 10_000;

/** The environment without its unset names. */
export function environmentMap(environment: Terminal['environment']): ReadonlyMap<string, string> {
  return new Map(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** Home of the user whose configuration counts. */
export function homeOf(environment: Terminal['environment']): string {
  const home = environment['HOME'] ?? '';
  return home === '' ? homedir() : home;
}

/** The daemon that answers, or undefined. With `insist` rejects with DAEMON_UNREACHABLE where none does. */
export async function reachableDaemon(
  terminal: Terminal,
  insist: boolean,
  signal: AbortSignal,
): Promise<DockerEndpoint | undefined> {
  const {resolveEndpoints} = await import('../drivers/docker/endpoint.js');
  const {pingDaemon} = await import('../drivers/docker/ping.js');
  const endpoints = await resolveEndpoints(environmentMap(terminal.environment), homeOf(terminal.environment), signal);
  let failure: unknown;
  for (const endpoint of endpoints) {
    try {
      await pingDaemon(endpoint, insist || endpoint.from !== 'default' ? patience : answersWithin, signal);
      return endpoint;
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
    }
  }
  if (insist) throw failure;
  return undefined;
}

/** The docker client's variable: 0 is the classic builder, 1 BuildKit; what the daemon has otherwise. */
function builderOf({environment}: Terminal): 'auto' | 'buildkit' | 'classic' {
  switch ((environment['DOCKER_BUILDKIT'] ?? '').toLowerCase()) {
    case '0':
    case 'false':
      return 'classic';
    case '1':
    case 'true':
      return 'buildkit';
    default:
      return 'auto';
  }
}

/** The driver of `--driver`: without a daemon that answers, `auto` is the embedded engine with its store at `root`. */
export async function chooseDriver(
  name: string,
  root: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<Driver> {
  const endpoint = name === 'embedded' ? undefined : await reachableDaemon(terminal, name === 'docker', signal);
  if (endpoint !== undefined) {
    const {createDockerDriver} = await import('../drivers/docker/driver.js');
    return createDockerDriver(endpoint, {stdout: terminal.answerStream, builder: builderOf(terminal)});
  }
  const {createEmbeddedDriver} = await import('../drivers/embedded/driver.js');
  return createEmbeddedDriver({
    root,
    uid: terminal.uid,
    early: terminal.executor,
    registries: registriesOf(terminal.environment),
    load: (either) => openLoad(terminal, either),
    get stdout() {
      return terminal.answerStream;
    },
  });
}

/** What takes an archive into the daemon that answers. Rejects with DAEMON_UNREACHABLE where none does. */
async function openLoad(terminal: Terminal, signal: AbortSignal): Promise<LoadInto> {
  const endpoint = await reachableDaemon(terminal, true, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new BuildError(
      'DAEMON_UNREACHABLE',
      `the image is for a Docker daemon, and none answers: ${messageOf(error)}`,
      {
        cause: error,
        remedy:
          'Start one, or name it in DOCKER_HOST; --output type=docker,dest=FILE writes an archive, dest=- pipes it.',
      },
    );
  });
  return async (archive, either) => {
    const {openDaemon} = await import('../drivers/docker/daemon.js');
    const {loadStream} = await import('../drivers/docker/load.js');
    const daemon = await openDaemon(endpoint ?? unreachable(), either);
    try {
      await loadStream(await daemon.client(), archive, 'the image', either);
    } finally {
      daemon.close();
    }
  };
}

function unreachable(): never {
  throw new Error('unreachable: no daemon, and no error');
}
