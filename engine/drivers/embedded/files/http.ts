import {pipeline} from 'node:stream';
import {createGunzip} from 'node:zlib';
import {BuildError, messageOf, quote} from '../../../base/errors.js';
import {openUrl} from '../../../base/open-url.js';
import {withoutPassword} from '../../../context/source/git-url.js';

export interface RemoteFile {
  /** The file's name: the last part of the URL's path. */
  readonly name: string;
  /** Last-Modified in seconds since 1970. */
  readonly modified: number | undefined;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Starts to download a URL. Rejects with NOT_FOUND (404, 410), STEP_FAILED or the signal's reason. */
export async function openResponse(url: string, signal: AbortSignal): Promise<RemoteFile> {
  const shown = quote(withoutPassword(url));
  const failed = (why: string, cause?: unknown) =>
    new BuildError('STEP_FAILED', `cannot fetch ${shown}: ${why}`, {
      cause,
      remedy: 'Check the URL and the network (a proxy is taken from https_proxy, http_proxy and no_proxy).',
    });
  const {status, headers, body, close} = await openUrl(url, {downgrade: true}, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error instanceof BuildError ? error : failed(messageOf(error), error);
  });
  if (status < 200 || status >= 300) {
    close();
    if (status !== 404 && status !== 410) throw failed(`HTTP status ${status}`);
    throw new BuildError('NOT_FOUND', `${shown} is not there (HTTP status ${status})`);
  }
  const time = Date.parse(headers['last-modified'] ?? '');
  return {
    name: nameOf(new URL(url)),
    modified: Number.isNaN(time) ? undefined : Math.floor(time / 1000),
    body: bodyOf(decoded(body, headers['content-encoding']), close, failed, signal),
  };
}

/** As BuildKit has it: what a server compressed for the way, asked or not, is kept as it was before. */
function decoded(body: AsyncIterable<Uint8Array>, encoding: string | undefined): AsyncIterable<Uint8Array> {
  if (encoding?.trim().toLowerCase() !== 'gzip') return body;
  const plain = createGunzip();
  pipeline(body, plain, () => undefined);
  return plain;
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

/** The last part of the path, its escapes undone first; BuildKit's own name where there is none. */
function nameOf(url: URL): string {
  let path = url.pathname;
  try {
    path = decodeURIComponent(path);
  } catch {
    // A broken escape stands for itself.
  }
  const last = path.split('/').findLast((part) => part !== '') ?? '';
  return last === '' || last === '.' || last === '..' || last.includes('\0') ? '__unnamed__' : last;
}
