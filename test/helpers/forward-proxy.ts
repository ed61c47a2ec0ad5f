import {request} from 'node:http';
import {connect} from 'node:net';
import {createServer} from 'node:http';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import type {ExecutionContext} from 'ava';

export interface ForwardProxy {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** `GET http://host/path` of what was handed over, `CONNECT host:port` of tunnels. */
  readonly requests: readonly string[];
}

/**
 * An HTTP proxy on loopback until the test ends (RFC 9110, 7.6 and 9.3.6). `hosts` says at which `host:port` a name really is; for
 * other names it answers 502, as for a name that is not known.
 */
export async function forwardProxy(
  t: ExecutionContext,
  hosts: Readonly<Record<string, string>>,
): Promise<ForwardProxy> {
  const requests: string[] = [];
  const placeOf = (host: string): {hostname: string; port: string} | undefined => {
    const [hostname, port] = hosts[host]?.split(':') ?? [];
    return hostname === undefined || port === undefined ? undefined : {hostname, port};
  };
  const server = createServer((incoming, response) => {
    const {method = '', url = '', headers} = incoming;
    requests.push(`${method} ${url}`);
    const target = new URL(url);
    const place = placeOf(target.host);
    if (place === undefined) {
      incoming.resume();
      response.writeHead(502).end();
      return;
    }
    const onward = request({...place, method, path: target.pathname + target.search, headers}, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.on('connect', ({url = ''}, socket) => {
    requests.push(`CONNECT ${url}`);
    socket.on('error', () => undefined);
    const place = placeOf(url);
    if (place === undefined) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      return;
    }
    const onward = connect(Number(place.port), place.hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    t.teardown(() => void onward.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests};
}
