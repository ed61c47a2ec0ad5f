import {authorities} from '../../../base/authorities.js';
import {BuildError, messageOf, quote} from '../../../base/errors.js';
import {withoutPassword} from '../../../context/source/git-url.js';

export interface RemoteFile {
  /** The file's name: the last part of the URL's path. */
  readonly name: string;
  /** Last-Modified in seconds since 1970. */
  readonly modified: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

const mostRedirects = 10;
/** Milliseconds without a byte. */
const silence = 60_000;

/** Starts to download a URL. Rejects with NOT_FOUND (404, 410), STEP_FAILED or the signal's reason. */
export async function openResponse(url: string, signal: AbortSignal): Promise<RemoteFile> {
  const shown = quote(withoutPassword(url));
  const {EnvHttpProxyAgent, request} = await import('undici');
  const ca = await authorities();
  const tls = ca === undefined ? {} : {ca};
  const agent = new EnvHttpProxyAgent({
    headersTimeout: silence,
    bodyTimeout: silence,
    connect: {timeout: 30_000, ...tls},
    requestTls: tls,
    proxyTls: tls,
  });
  const failed = (why: string, cause?: unknown) =>
    new BuildError('STEP_FAILED', `cannot fetch ${shown}: ${why}`, {
      cause,
      remedy: 'Check the URL and the network (a proxy is taken from https_proxy, http_proxy and no_proxy).',
    });
  try {
    let at = new URL(url);
    const name = nameOf(at);
    const {origin, username, password} = at;
    const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
    for (let redirects = 0; ; redirects++) {
      at.username = at.password = '';
      const authorized = at.origin === origin && (username !== '' || password !== '');
      const headers = {'user-agent': 'build-image', ...(authorized && {authorization: `Basic ${basic}`})};
      const response = await request(at, {dispatcher: agent, headers, signal});
      const {location, 'last-modified': modified} = response.headers;
      if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === 'string') {
        await response.body.dump();
        if (redirects === mostRedirects) throw failed(`more than ${mostRedirects} redirects`);
        at = new URL(location, at);
        if (!/^https?:$/.test(at.protocol)) throw failed(`a redirect to ${quote(withoutPassword(at.href))}`);
        continue;
      }
      if (response.statusCode < 200 || response.statusCode >= 300) {
        await response.body.dump();
        if (response.statusCode !== 404 && response.statusCode !== 410)
          throw failed(`HTTP status ${response.statusCode}`);
        throw new BuildError('NOT_FOUND', `${shown} is not there (HTTP status ${response.statusCode})`);
      }
      const time = typeof modified === 'string' ? Date.parse(modified) : NaN;
      return {
        name,
        modified: Number.isNaN(time) ? undefined : Math.floor(time / 1000),
        body: bodyOf(response.body, () => void agent.destroy(), failed, signal),
      };
    }
  } catch (error) {
    void agent.destroy();
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw failed(messageOf(error), error);
  }
}

async function* bodyOf(
  body: AsyncIterable<Uint8Array>,
  close: () => void,
  failed: (why: string, cause: unknown) => BuildError,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    signal.throwIfAborted();
    throw failed(messageOf(error), error);
  } finally {
    close();
  }
}

/** The last part of the path; BuildKit's own name where there is none. */
function nameOf(url: URL): string {
  let last = url.pathname.split('/').findLast((part) => part !== '') ?? '';
  try {
    last = decodeURIComponent(last);
  } catch {
    // A broken escape stands for itself.
  }
  return last === '' || last === '.' || last === '..' || /[/\0]/.test(last) ? '__unnamed__' : last;
}
