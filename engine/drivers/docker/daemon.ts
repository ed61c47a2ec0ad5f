import {Agent, request as httpRequest, type IncomingMessage} from 'node:http';
import {once} from 'node:events';
import type {Duplex} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import type Docker from 'dockerode';
import {BuildError, messageOf} from '../../base/errors.js';
import {connectDaemon} from './connection.js';
import {type DockerEndpoint, endpointUrl} from './endpoint.js';
import {type DaemonPing, pingDaemon} from './ping.js';

const pingTimeout = 10_000;
const mostRefusal = 10_000;

export interface DaemonRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array>;
  /** Statuses of success; 200 where none are given. */
  readonly accept?: readonly number[];
}

/** One daemon: its API through dockerode, and raw upgraded connections. Held open until `close`. */
export interface Daemon {
  readonly endpoint: DockerEndpoint;
  readonly ping: DaemonPing;
  /** API version as a number to compare: 1.41 is 141. */
  readonly api: number;
  client(): Promise<Docker>;
  /**
   * A request whose answer is a stream, the caller's to read or destroy. Rejects with DAEMON_FAILED and the daemon's words
   * for any other status than those of success, whose cause holds it as `statusCode`; with DAEMON_LOST where no answer comes.
   */
  request(call: DaemonRequest, signal: AbortSignal): Promise<IncomingMessage>;
  /** `POST path` with an HTTP upgrade to HTTP/2; rejects with DAEMON_FAILED where the daemon answers anything else. */
  upgrade(
    path: string,
    headers: Readonly<Record<string, string | readonly string[]>>,
    signal: AbortSignal,
  ): Promise<Duplex>;
  close(): void;
}

/** Rejects with DAEMON_UNREACHABLE. */
export async function openDaemon(endpoint: DockerEndpoint, signal: AbortSignal): Promise<Daemon> {
  const ping = await pingDaemon(endpoint, pingTimeout, signal);
  const agent = agentFor(endpoint);
  let client: Promise<Docker> | undefined;
  return {
    endpoint,
    ping,
    api: apiNumber(ping.apiVersion),
    client: () => (client ??= connectClient(agent)),
    request: (call, abort) => send(endpoint, agent, call, abort),
    upgrade: (path, headers, abort) => upgrade(endpoint, path, headers, abort),
    close: () => agent.destroy(),
  };
}

function apiNumber(version: string | undefined): number {
  const [, major = '1', minor = '24'] = /^(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  return Number(major) * 100 + Number(minor);
}

/** Connections to the daemon however it is reached (socket, TLS, ssh); to HTTP they are all plain streams. */
function agentFor(endpoint: DockerEndpoint): Agent {
  const agent = new Agent({keepAlive: true});
  const never = new AbortController().signal;
  Object.assign(agent, {
    createConnection(_: unknown, done: (error: Error | null, stream?: Duplex) => void): undefined {
      connectDaemon(endpoint, never).then(
        (stream) => done(null, stream),
        (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  return agent;
}

async function connectClient(agent: Agent): Promise<Docker> {
  const {default: Client} = await import('dockerode');
  // The modem would take a DOCKER_HOST of the environment over these: `host` is given so that it does not.
  return new Client({protocol: 'http', host: 'docker', port: 80, agent} as Docker.DockerOptions);
}

async function send(
  endpoint: DockerEndpoint,
  agent: Agent,
  call: DaemonRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const {method, path, headers = {}, body, accept = [200]} = call;
  const request = httpRequest({agent, method, host: 'docker', path, headers, signal});
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  // A daemon that refuses answers before it has read everything: its answer counts, not the broken pipe.
  const sent = body === undefined ? Promise.resolve(void request.end()) : pipeline(body, request);
  let failure: unknown;
  sent.catch((error: unknown) => {
    failure = error;
  });
  try {
    const [response] = await answered;
    if (accept.includes(response.statusCode ?? 0)) return response;
    throw new BuildError('DAEMON_FAILED', await refusal(response), {cause: {statusCode: response.statusCode}});
  } catch (error) {
    signal.throwIfAborted();
    // What broke on this side (a file that changed) ends the request too, and says more.
    throw failure instanceof BuildError ? failure : daemonLost(endpoint, error);
  }
}

/** What the daemon says about a request that it refused: `{"message": …}`. */
async function refusal(response: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of response) if (body.length < mostRefusal) body += String(chunk);
  try {
    const {message} = JSON.parse(body) as {message?: unknown};
    if (typeof message === 'string') return message;
  } catch {
    // Not JSON: said as it came.
  }
  return body.trim() === '' ? `the daemon answered with status ${response.statusCode ?? 0}` : body.trim();
}

async function upgrade(
  endpoint: DockerEndpoint,
  path: string,
  headers: Readonly<Record<string, string | readonly string[]>>,
  signal: AbortSignal,
): Promise<Duplex> {
  const stream = await connectDaemon(endpoint, signal);
  try {
    return await new Promise<Duplex>((resolve, reject) => {
      const request = httpRequest({
        createConnection: () => stream,
        method: 'POST',
        host: 'docker',
        path,
        headers: {...headers, Connection: 'Upgrade', Upgrade: 'h2c'},
        signal,
      });
      request.once('error', reject);
      request.once('upgrade', (_, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      });
      request.once('response', (response) => {
        response.resume();
        reject(
          new BuildError('DAEMON_FAILED', `the daemon refused ${path} with status ${response.statusCode ?? 0}`, {
            remedy:
              'Its API may be behind a proxy that does not let builds through; name the daemon itself in DOCKER_HOST.',
          }),
        );
      });
      request.end();
    });
  } catch (error) {
    stream.destroy();
    signal.throwIfAborted();
    throw daemonLost(endpoint, error);
  }
}

/** The body of an answer. Rejects with DAEMON_LOST where it breaks off; ended early, it closes the connection. */
export async function* bodyOf(
  {endpoint}: Pick<Daemon, 'endpoint'>,
  answer: IncomingMessage,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of answer) {
      signal.throwIfAborted();
      yield chunk as Uint8Array;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw daemonLost(endpoint, error);
  } finally {
    answer.destroy();
  }
}

/** The error of a connection that broke; a BuildError stays as it is. */
function daemonLost(endpoint: DockerEndpoint, error: unknown): BuildError {
  if (error instanceof BuildError) return error;
  return new BuildError('DAEMON_LOST', `the daemon at ${endpointUrl(endpoint)} went away: ${messageOf(error)}`, {
    remedy: 'See whether it still runs and what its log says, then try again.',
    cause: error,
  });
}
