import {BuildError, messageOf, quote} from '../../base/errors.js';
import {withoutPassword} from './git-url.js';

const mostRedirects = 10;
/** Milliseconds without a byte. */
const silence = 60_000;

/**
 * Body of `url`, at most `limit` bytes. User information in the URL goes as basic authentication to that origin alone, not along a
 * redirect to another. Rejects with CONTEXT_NOT_FOUND (404), CONTEXT_UNREADABLE, CONTEXT_INVALID, or the signal's reason.
 */
export async function* download(url: string, limit: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const shown = quote(withoutPassword(url));
  const {EnvHttpProxyAgent, request} = await import('undici');
  const agent = new EnvHttpProxyAgent({headersTimeout: silence, bodyTimeout: silence, connect: {timeout: 30_000}});
  try {
    let at = new URL(url);
    const origin = at.origin;
    const {username, password} = at;
    const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
    for (let redirects = 0; ; redirects++) {
      at.username = at.password = '';
      const authorized = at.origin === origin && (username !== '' || password !== '');
      const headers = {'user-agent': 'build-image', ...(authorized && {authorization: `Basic ${basic}`})};
      const response = await request(at, {dispatcher: agent, headers, signal});
      const location = response.headers.location;
      if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === 'string') {
        await response.body.dump();
        if (redirects === mostRedirects) throw unreachable(shown, `more than ${mostRedirects} redirects`);
        const next = new URL(location, at);
        if (next.protocol !== 'https:' && !(next.protocol === 'http:' && at.protocol === 'http:')) {
          throw unreachable(shown, `a redirect to ${quote(withoutPassword(next.href))}`);
        }
        at = next;
        continue;
      }
      if (response.statusCode !== 200) {
        await response.body.dump();
        const code = response.statusCode === 404 ? 'CONTEXT_NOT_FOUND' : 'CONTEXT_UNREADABLE';
        throw new BuildError(code, `cannot fetch the build context ${shown}: HTTP status ${response.statusCode}`);
      }
      let length = 0;
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        length += chunk.length;
        if (length > limit)
          throw new BuildError('CONTEXT_INVALID', `the build context ${shown} has more than ${limit} bytes`);
        yield chunk;
      }
      return;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw unreachable(shown, messageOf(error), error);
  } finally {
    // Not waited for: an unread body would keep it open.
    void agent.destroy();
  }
}

const unreachable = (shown: string, why: string, cause?: unknown): BuildError =>
  new BuildError('CONTEXT_UNREADABLE', `cannot fetch the build context ${shown}: ${why}`, {
    cause,
    remedy: 'Check the URL and the network (a proxy is taken from https_proxy, http_proxy and no_proxy).',
  });
