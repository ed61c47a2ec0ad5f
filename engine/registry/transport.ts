import type {IncomingHttpHeaders} from 'node:http';
import type {Readable} from 'node:stream';
import type {Dispatcher} from 'undici';
import {BuildError} from '../base/errors.js';
import {createHttpAgent} from '../base/http-agent.js';

export type HttpMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A stream is made anew for each attempt; with it `headers` has a content-length. */
export type HttpBody = string | Uint8Array | (() => AsyncIterable<Uint8Array>);

export interface HttpRequest {
  readonly method: HttpMethod;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Certificates are not checked. Holds for the host of `url` only, not for what it redirects to. */
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read to its end, or destroyed. */
  readonly body: AsyncIterable<Uint8Array> & {destroy(error?: Error): unknown};
  /** The answer comes from another origin than was asked, and without our credentials. */
  readonly redirected: boolean;
  /** Host that answered, with its port. */
  readonly host: string;
}

export interface Transport {
  /** Follows redirects, but none of a POST. Rejects with the platform's error, or the signal's reason. */
  send(request: HttpRequest): Promise<HttpResponse>;
  close(): Promise<void>;
}

const mostRedirects = 10;
const connectTimeout = 10_000;
/** Milliseconds without a byte after which a connection counts as lost. */
const idleTimeout = 60_000;
const redirects = new Set([301, 302, 303, 307, 308]);
/** Those that keep the method and the body (RFC 9110, 15.4). */
const sameMethod = new Set([307, 308]);

function isRedirect(method: HttpMethod, status: number): boolean {
  if (method === 'POST') return false;
  return (method === 'PUT' || method === 'PATCH' ? sameMethod : redirects).has(status);
}

/** The HTTP client is loaded, and connections are kept, from the first request on. */
export function createTransport(): Transport {
  const agents = new Map<boolean, Promise<Dispatcher>>();
  const agentFor = (insecure: boolean): Promise<Dispatcher> => {
    const known = agents.get(insecure);
    if (known !== undefined) return known;
    const made = createHttpAgent({connectTimeout, idleTimeout, insecure});
    agents.set(insecure, made);
    return made;
  };
  const once = async (request: HttpRequest, url: URL, headers: Readonly<Record<string, string>>, insecure: boolean) => {
    const {request: send} = await import('undici');
    return send(url, {
      method: request.method,
      headers: {'user-agent': 'build-image', ...headers},
      body: await bodyOf(request),
      dispatcher: await agentFor(insecure),
      signal: request.signal,
    });
  };
  return {
    async send(request) {
      let {url} = request;
      let headers = {...request.headers};
      let insecure = request.insecure;
      let redirected = false;
      for (let count = 0; ; count++) {
        request.signal.throwIfAborted();
        const {statusCode, headers: answered, body} = await once(request, url, headers, insecure);
        const {location} = answered;
        if (!isRedirect(request.method, statusCode) || typeof location !== 'string') {
          return {status: statusCode, headers: answered, body, redirected, host: url.host};
        }
        body.on('error', () => undefined).destroy();
        if (count >= mostRedirects) {
          throw new BuildError('REGISTRY_FAILED', `${request.url.host} redirects more than ${mostRedirects} times`);
        }
        const next = redirectTarget(url, location, request.url.host);
        if (next.protocol === 'http:' && url.protocol === 'https:' && !request.insecure) {
          throw new BuildError('REGISTRY_FAILED', `${url.host} redirects from https to http: ${next.host}`);
        }
        if (next.origin !== url.origin) {
          // What was meant for one host is never shown to another, nor given again when a later redirect leads back.
          redirected = true;
          headers = Object.fromEntries(
            Object.entries(headers).filter(([name]) => !/^(?:authorization|cookie)$/i.test(name)),
          );
          insecure = request.insecure && next.host === request.url.host;
        }
        url = next;
      }
    },
    async close() {
      const open = await Promise.allSettled([...agents.values()]);
      agents.clear();
      for (const agent of open) if (agent.status === 'fulfilled') await agent.value.destroy();
    },
  };
}

async function bodyOf({body}: HttpRequest): Promise<string | Uint8Array | Readable | null> {
  if (typeof body !== 'function') return body ?? null;
  const {Readable} = await import('node:stream');
  return Readable.from(body(), {objectMode: false});
}

function redirectTarget(from: URL, location: string, host: string): URL {
  let next: URL;
  try {
    next = new URL(location, from);
  } catch {
    throw new BuildError('REGISTRY_FAILED', `${host} redirects to something that is no URL`);
  }
  if (next.protocol !== 'http:' && next.protocol !== 'https:') {
    throw new BuildError('REGISTRY_FAILED', `${host} redirects to ${next.protocol} instead of https:`);
  }
  next.username = '';
  next.password = '';
  return next;
}

/** At most `most` bytes of a body, or undefined where there are more; the rest is not read. */
export async function readBody(response: HttpResponse, most: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Drops a body that nobody reads. */
export function discard(response: HttpResponse): void {
  const body = response.body as HttpResponse['body'] & {on?(event: 'error', listener: () => void): unknown};
  body.on?.('error', () => undefined);
  body.destroy();
}
