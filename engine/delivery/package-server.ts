import {setTimeout as sleep} from 'node:timers/promises';
import {BuildError, quote} from '../base/errors.js';
import {connectionFailure, TransientFailure} from '../registry/failure.js';
import type {RegistryCredentials} from '../registry/credentials.js';
import {
  discard,
  type HttpBody,
  type HttpMethod,
  type HttpResponse,
  readBody,
  type Transport,
} from '../registry/transport.js';

export interface ServerRequest {
  readonly method: HttpMethod;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** Statuses that are answers, beside those of success. */
  readonly accept?: readonly number[];
  /** What is done, for messages: `the upload of portal_1.0_all.deb`. */
  readonly what: string;
}

/** A server of packages: its credentials go to its own host alone, also where it redirects. */
export interface PackageServer {
  /**
   * The answer, to be read or discarded. What may pass (429, 5xx, a lost connection) is tried again. Rejects with
   * REGISTRY_AUTH, REGISTRY_FAILED, REGISTRY_UNREACHABLE or the signal's reason.
   */
  send(request: ServerRequest, signal: AbortSignal): Promise<HttpResponse>;
}

const retries = 4;
const firstWait = 300;
const longestWait = 60_000;
const mostWords = 2000;

export function packageServer(transport: Transport, credentials: RegistryCredentials | undefined): PackageServer {
  const authorization =
    credentials === undefined
      ? {}
      : {authorization: `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`};
  const attempt = async (request: ServerRequest, signal: AbortSignal): Promise<HttpResponse> => {
    const url = new URL(request.url);
    let response: HttpResponse;
    try {
      response = await transport.send({
        method: request.method,
        url,
        headers: {...request.headers, ...authorization},
        ...(request.body !== undefined && {body: request.body}),
        insecure: false,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      throw connectionFailure(error, url.host);
    }
    if ((response.status >= 200 && response.status < 300) || request.accept?.includes(response.status) === true) {
      return response;
    }
    throw await refusal(response, request, credentials !== undefined);
  };
  return {
    async send(request, signal) {
      for (let failures = 1; ; failures++) {
        try {
          return await attempt(request, signal);
        } catch (error) {
          if (!(error instanceof TransientFailure)) throw error;
          const asked = error.retryAfter ?? 0;
          if (failures > retries || asked > longestWait) throw error.failure;
          const wait = Math.max(asked, firstWait * 2 ** (failures - 1) * (1 + Math.random()));
          await sleep(wait, undefined, {signal}).catch(() => signal.throwIfAborted());
        }
      }
    },
  };
}

async function refusal(
  response: HttpResponse,
  {what}: ServerRequest,
  authenticated: boolean,
): Promise<BuildError | TransientFailure> {
  const {status, host} = response;
  const said = await wordsOf(response);
  const message = `${host} answered ${what} with status ${status}${said === '' ? '' : `: ${said}`}`;
  if (status === 401 || status === 403) {
    const remedy = authenticated
      ? 'Its user name and key are not accepted, or may not write there.'
      : 'It wants a user name and a key: <NAME>_DEB_USERNAME and <NAME>_DEB_API_KEY.';
    return new BuildError('REGISTRY_AUTH', message, {remedy});
  }
  const failure = new BuildError('REGISTRY_FAILED', message);
  if (status !== 429 && status !== 408 && status < 500) return failure;
  const after = response.headers['retry-after'] ?? '';
  return new TransientFailure(failure, /^\d{1,9}$/.test(after) ? Number(after) * 1000 : undefined);
}

/** What the server says, on one line; pages of HTML say nothing. */
async function wordsOf(response: HttpResponse): Promise<string> {
  try {
    const text = (await readBody(response, 64 * 1024))?.toString('utf8').trim() ?? '';
    if (text.startsWith('<')) return '';
    return quote(text.slice(0, mostWords).replaceAll(/\s+/g, ' ')).slice(1, -1);
  } catch {
    return '';
  }
}

/** What is read of an answer. Rejects with REGISTRY_UNREACHABLE where it breaks off. */
export async function orLost<T>(reading: Promise<T>, {host}: Pick<HttpResponse, 'host'>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    const failure = connectionFailure(error, host);
    throw failure instanceof TransientFailure ? failure.failure : failure;
  }
}

const mostJson = 16 * 1024 * 1024;

/** The JSON of an answer, and undefined for one that is `NOT_FOUND` where that was accepted. Rejects with REGISTRY_FAILED, REGISTRY_UNREACHABLE. */
export async function jsonOf(response: HttpResponse): Promise<unknown> {
  if (response.status === 404) {
    discard(response);
    return undefined;
  }
  const body = await orLost(readBody(response, mostJson), response);
  try {
    return JSON.parse(body?.toString('utf8') ?? '') as unknown;
  } catch (error) {
    throw new BuildError('REGISTRY_FAILED', `${response.host} answered something that is no JSON`, {cause: error});
  }
}
