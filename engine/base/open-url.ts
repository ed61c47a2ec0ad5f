import type {IncomingHttpHeaders} from 'node:http';
import {quote} from './errors.js';
import {createHttpAgent} from './http-agent.js';

/** The answer that redirects led to. */
export interface UrlAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
  /** To be called when the body was read, or is not wanted. Idempotent. */
  readonly close: () => void;
}

const mostRedirects = 10;
const connectTimeout = 30_000;
const idleTimeout = 60_000;

/**
 * Asks for a URL. User information in it goes as basic authentication to its origin alone, not along a redirect to another. `downgrade`: a
 * redirect may lead from https to http. Rejects with an error whose message says why, or the signal's reason.
 */
export async function openUrl(
  url: string,
  {downgrade}: {readonly downgrade: boolean},
  signal: AbortSignal,
): Promise<UrlAnswer> {
  const {request} = await import('undici');
  const agent = await createHttpAgent({connectTimeout, idleTimeout});
  // Not waited for: an unread body would keep it open.
  const close = (): void => void agent.destroy();
  try {
    let at = new URL(url);
    let authorization = basicOf(at);
    for (let redirects = 0; ; redirects++) {
      at.username = at.password = '';
      const headers = {'user-agent': 'build-image', ...(authorization !== undefined && {authorization})};
      const {statusCode: status, headers: answered, body} = await request(at, {dispatcher: agent, headers, signal});
      const {location} = answered;
      if (status < 300 || status >= 400 || typeof location !== 'string') {
        return {status, headers: answered, body, close};
      }
      await body.dump();
      if (redirects === mostRedirects) throw new Error(`more than ${mostRedirects} redirects`);
      const next = new URL(location, at);
      const plain = next.protocol === 'http:' && (downgrade || at.protocol === 'http:');
      if (next.protocol !== 'https:' && !plain) throw new Error(`a redirect to ${quote(next.protocol + next.host)}`);
      if (next.origin !== at.origin) authorization = undefined;
      at = next;
    }
  } catch (error) {
    close();
    signal.throwIfAborted();
    throw error;
  }
}

function basicOf({username, password}: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(plain).toString('base64')}`;
}
