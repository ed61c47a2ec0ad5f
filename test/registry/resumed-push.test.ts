import {randomBytes} from 'node:crypto';
import {setMaxListeners} from 'node:events';
import type {IncomingMessage, ServerResponse} from 'node:http';
import test, {type ExecutionContext} from 'ava';
import {digestOf} from '../../engine/oci/digest.js';
import {parseReference} from '../../engine/oci/reference.js';
import {createRegistryClient} from '../../engine/registry/client.js';
import {serve} from '../helpers/registry.js';

const signal = new AbortController().signal;
setMaxListeners(0, signal);

/**
 * A registry that keeps the part of an upload that arrived, and says how much that is (distribution-spec, pushing a blob in
 * chunks). Debian's does not: it gives an upload up whose last piece was not whole.
 */
async function keepingRegistry(t: ExecutionContext, breakAt: readonly number[]) {
  const requests: string[] = [];
  const breaks = [...breakAt];
  let kept = Buffer.alloc(0);
  let blob: Buffer | undefined;
  const host = await serve(t, (request: IncomingMessage, response: ServerResponse) => {
    const {method = '', headers, url = ''} = request;
    requests.push(`${method} ${headers['content-range'] ?? ''}`.trim());
    const upload = {location: '/v2/app/blobs/uploads/1?state=x', range: `0-${Math.max(0, kept.length - 1)}`};
    if (method === 'HEAD') return void response.writeHead(blob === undefined ? 404 : 200).end();
    if (method === 'POST') return void response.writeHead(202, upload).end();
    if (method === 'GET') return void response.writeHead(url.includes('/uploads/') ? 204 : 200, upload).end();
    if (method === 'PUT') {
      blob = kept;
      return void response.writeHead(201).end();
    }
    const limit = breaks.shift() ?? Infinity;
    request.on('data', (chunk: Buffer) => {
      const room = limit - kept.length;
      kept = Buffer.concat([kept, chunk.subarray(0, Math.max(0, room))]);
      if (kept.length >= limit) request.socket.destroy();
    });
    request.on('end', () => response.writeHead(202, {...upload, range: `0-${kept.length - 1}`}).end());
  });
  return {host, requests, blob: () => blob};
}

test('an upload that breaks off goes on where the registry has it', async (t) => {
  const content = randomBytes(12_000_000);
  const registry = await keepingRegistry(t, [3_000_000, 7_000_000]);
  const client = createRegistryClient({credentials: () => Promise.resolve(undefined), backOff: 5});
  t.teardown(() => client.close());
  const opened: number[] = [];
  const blob = {
    digest: digestOf(content),
    size: content.length,
    open(offset: number) {
      opened.push(offset);
      return pieces(content.subarray(offset));
    },
  };
  await client.push(parseReference(`${registry.host}/app`), [blob], signal);
  t.true(registry.blob()?.equals(content));
  t.deepEqual(opened, [0, 3_000_000, 7_000_000]);
  const ranges = registry.requests.filter((line) => line.startsWith('PATCH'));
  t.deepEqual(ranges, ['PATCH', 'PATCH 3000000-11999999', 'PATCH 7000000-11999999']);
});

async function* pieces(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 65_536) yield await Promise.resolve(content.subarray(at, at + 65_536));
}
