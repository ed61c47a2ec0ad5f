import {BuildError, messageOf, quote} from '../../base/errors.js';
import {openUrl} from '../../base/open-url.js';
import {withoutPassword} from './git-url.js';

/**
 * Body of `url`, at most `limit` bytes. User information in the URL goes as basic authentication to that origin alone, not along a
 * redirect to another. Rejects with CONTEXT_NOT_FOUND (404), CONTEXT_UNREADABLE, CONTEXT_INVALID, or the signal's reason.
 */
export async function* download(url: string, limit: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const shown = quote(withoutPassword(url));
  let close: () => void = () => undefined;
  try {
    const answer = await openUrl(url, {downgrade: false}, signal);
    ({close} = answer);
    if (answer.status !== 200) {
      const code = answer.status === 404 ? 'CONTEXT_NOT_FOUND' : 'CONTEXT_UNREADABLE';
      throw new BuildError(code, `cannot fetch the build context ${shown}: HTTP status ${answer.status}`);
    }
    let length = 0;
    for await (const chunk of answer.body) {
      length += chunk.length;
      if (length > limit)
        throw new BuildError('CONTEXT_INVALID', `the build context ${shown} has more than ${limit} bytes`);
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw unreachable(shown, messageOf(error), error);
  } finally {
    close();
  }
}

const unreachable = (shown: string, why: string, cause?: unknown): BuildError =>
  new BuildError('CONTEXT_UNREADABLE', `cannot fetch the build context ${shown}: ${why}`, {
    cause,
    remedy: 'Check the URL and the network (a proxy is taken from https_proxy, http_proxy and no_proxy).',
  });
