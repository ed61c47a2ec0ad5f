import {createServer, type Http2ServerRequest, type Http2ServerResponse} from 'node:http2';
import {randomBytes} from 'node:crypto';
import {type ConnectRouter, createConnectRouter, createContextKey, createContextValues} from '@connectrpc/connect';
import {universalRequestFromNodeRequest, universalResponseToNodeResponse} from '@connectrpc/connect-node';
import type {Daemon} from '../daemon.js';
import {Health} from '../wire/messages.js';

/** Registers the methods of one service that the daemon may call. */
export type Attachable = (router: ConnectRouter) => void;

/** A connection over which the daemon calls back for what only this side has: files, secrets, credentials. */
export interface Session {
  readonly id: string;
  /** Settles when the connection ends, whoever ended it. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Header values by name, each as it was sent: a value may hold the comma that joined ones are separated by. */
export const rawHeaders = createContextKey<ReadonlyMap<string, readonly string[]>>(new Map());

const serving = 1;
const windowBytes = 1024 * 1024;

/** `sharedKey` says which earlier transfers of files can be continued: the same for the same directory. */
export async function openSession(
  daemon: Daemon,
  attachables: readonly Attachable[],
  sharedKey: string,
  signal: AbortSignal,
): Promise<Session> {
  const router = createConnectRouter({grpc: true, grpcWeb: false, connect: false});
  router.service(Health, {check: () => ({status: serving})});
  for (const attach of attachables) attach(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  const id = randomBytes(13).toString('hex');
  const socket = await daemon.upgrade(
    '/session',
    {
      'X-Docker-Expose-Session-Uuid': id,
      'X-Docker-Expose-Session-Name': 'build-image',
      'X-Docker-Expose-Session-Sharedkey': sharedKey,
      'X-Docker-Expose-Session-Grpc-Method': [...handlers.keys()],
    },
    signal,
  );

  const answer = async (request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
    const handler = handlers.get(request.url);
    if (handler === undefined) {
      // The daemon takes a missing method for a feature that this client lacks, and does without.
      response.writeHead(200, {'content-type': 'application/grpc', 'grpc-status': '12'}).end();
      return;
    }
    const values = createContextValues().set(rawHeaders, headersOf(request));
    await universalResponseToNodeResponse(
      await handler(universalRequestFromNodeRequest(request, response, undefined, values)),
      response,
    );
  };
  const server = createServer({settings: {initialWindowSize: windowBytes}}, (request, response) => {
    // A call that breaks off is the daemon's to report: the build fails there.
    answer(request, response).catch(() => response.stream.destroy());
  });
  server.on('session', (http2) => {
    http2.setLocalWindowSize(windowBytes);
    http2.on('error', () => socket.destroy());
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('error', () => socket.destroy());
  server.emit('connection', socket);
  return {id, closed, close: () => void socket.destroy()};
}

function headersOf(request: Http2ServerRequest): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const raw = request.rawHeaders;
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const value = raw[index + 1] ?? '';
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  }
  return found;
}
