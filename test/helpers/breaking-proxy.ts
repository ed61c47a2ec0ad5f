import {request} from 'node:http';
import type {ExecutionContext} from 'ava';
import {serve} from './registry.js';

export interface BreakingProxy {
  readonly host: string;
  /** `range`: what a PATCH says of its place. */
  readonly requests: readonly {readonly method: string; readonly range: string | undefined}[];
}

/** Passes everything on, and ends a PATCH after `most` bytes where `breaks` says so. */
export async function breakingProxy(
  t: ExecutionContext,
  upstream: string,
  most: number,
  breaks: () => boolean,
): Promise<BreakingProxy> {
  const requests: {method: string; range: string | undefined}[] = [];
  const [hostname = '', port = ''] = upstream.split(':');
  const host = await serve(t, (incoming, response) => {
    const {method = '', url, headers} = incoming;
    requests.push({method, range: headers['content-range']});
    const onward = request({host: hostname, port, method, path: url, headers}, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    if (method === 'PATCH' && breaks()) {
      let passed = 0;
      incoming.on('data', (chunk: Buffer) => {
        if (passed > most) return;
        passed += chunk.length;
        onward.write(chunk);
        if (passed > most) setTimeout(() => void [incoming.socket, onward].map((end) => end.destroy()), 300);
      });
      return;
    }
    incoming.pipe(onward);
  });
  return {host, requests};
}
