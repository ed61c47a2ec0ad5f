import type {MessageInitShape} from '@bufbuild/protobuf';
import {createClient} from '@connectrpc/connect';
import {createGrpcTransport, Http2SessionManager} from '@connectrpc/connect-node';
import type {Daemon} from './daemon.js';
import {Control as ControlService, type StatusResponse} from './wire/messages.js';

export type SolveRequest = MessageInitShape<(typeof ControlService)['method']['solve']['input']>;

/** BuildKit's control API inside the daemon. Errors are ConnectError, to be explained by `solveFailure`. */
export interface Control {
  /** What the exporter says of the result. Aborting cancels the build on the daemon. */
  solve(request: SolveRequest, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  /** Progress of the solve with this reference, which may start a little later; ends with it. */
  status(ref: string, signal: AbortSignal): AsyncIterable<StatusResponse>;
  /** Settles when the connection is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

const address = 'http://docker';

export async function openControl(daemon: Daemon, signal: AbortSignal): Promise<Control> {
  const socket = await daemon.upgrade('/grpc', {}, signal);
  const manager = new Http2SessionManager(address, {}, {createConnection: () => socket});
  const transport = createGrpcTransport({baseUrl: address, sessionManager: manager});
  const client = createClient(ControlService, transport);
  return {
    solve: async (request, abort) => (await client.solve(request, {signal: abort})).exporterResponse,
    status: (ref, abort) => client.status({ref}, {signal: abort}),
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
    close: () => {
      manager.abort();
      socket.destroy();
    },
  };
}
