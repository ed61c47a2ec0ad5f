import {request as httpRequest, type IncomingMessage} from 'node:http';
import {once} from 'node:events';
import {BuildError, hasErrno, messageOf} from '../../base/errors.js';
import {connectDaemon} from './connection.js';
import {type DockerEndpoint, endpointUrl} from './endpoint.js';

/** What `GET /_ping` tells of a daemon. */
export interface DaemonPing {
  /** Highest API version, such as `1.47`. */
  readonly apiVersion: string | undefined;
  /** `2` where BuildKit is the daemon's default builder. */
  readonly builderVersion: string | undefined;
  readonly osType: string | undefined;
  /** `Docker/28.0.1 (linux)`, `Libpod/4.3.1 (linux)`. */
  readonly server: string | undefined;
}

/**
 * Asks the daemon whether it lives, over one connection of its own, without loading a client library. Rejects with
 * DAEMON_UNREACHABLE, saying why and what to do, when no good answer came within `timeout` milliseconds; with the
 * signal's reason when aborted.
 */
export async function pingDaemon(endpoint: DockerEndpoint, timeout: number, signal: AbortSignal): Promise<DaemonPing> {
  const limit = AbortSignal.timeout(timeout);
  const either = AbortSignal.any([signal, limit]);
  try {
    const socket = await connectDaemon(endpoint, either);
    const destroy = (): void => void socket.destroy();
    either.addEventListener('abort', destroy, {once: true});
    try {
      const request = httpRequest({
        createConnection: () => socket,
        // HTTP wants a name; a socket has none.
        host: endpoint.kind === 'tcp' ? endpoint.host : 'docker',
        path: '/_ping',
        signal: either,
      });
      request.end();
      const [response] = (await once(request, 'response', {signal: either})) as [IncomingMessage];
      response.resume();
      if (response.statusCode !== 200) throw new Error(`it answered with status ${response.statusCode ?? 0}`);
      return pingOf(response);
    } finally {
      either.removeEventListener('abort', destroy);
      socket.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(endpoint, limit.aborted ? `no answer within ${timeout} ms` : reasonOf(endpoint, error), error);
  }
}

function pingOf(response: IncomingMessage): DaemonPing {
  const header = (name: string): string | undefined => {
    const value = response.headers[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    apiVersion: header('api-version'),
    builderVersion: header('builder-version'),
    osType: header('ostype'),
    server: header('server'),
  };
}

function reasonOf(endpoint: DockerEndpoint, error: unknown): string {
  if (endpoint.kind === 'ssh' && hasErrno(error, 'ENOENT')) return 'the program ssh is not installed';
  if (hasErrno(error, 'ENOENT')) return 'there is no such socket';
  if (hasErrno(error, 'ECONNREFUSED')) return 'nothing listens there';
  if (hasErrno(error, 'EACCES', 'EPERM')) return 'permission denied';
  return messageOf(error);
}

function unreachable(endpoint: DockerEndpoint, reason: string, cause: unknown): BuildError {
  const by = endpoint.from === 'default' ? '' : ` (from ${endpoint.from})`;
  const remedy =
    endpoint.from !== 'default'
      ? `Check ${endpoint.from}, or build without a daemon: --driver embedded.`
      : hasErrno(cause, 'EACCES', 'EPERM')
        ? 'Join the group that owns the socket (docker), or build without a daemon: --driver embedded.'
        : 'Start Docker or Podman, set DOCKER_HOST, or build without a daemon: --driver embedded.';
  return new BuildError('DAEMON_UNREACHABLE', `no daemon at ${endpointUrl(endpoint)}${by}: ${reason}`, {remedy, cause});
}
