import {BuildError, hasErrno, messageOf, quote} from '../base/errors.js';
import {type HttpResponse, readBody} from './transport.js';

/** An attempt that failed in a way that may pass. */
export class TransientFailure extends Error {
  override readonly name = 'TransientFailure';
  /** What is thrown when no attempt is left. */
  readonly failure: BuildError;
  /** Milliseconds that the server asks to wait. */
  readonly retryAfter: number | undefined;

  constructor(failure: BuildError, retryAfter?: number) {
    super(failure.message, {cause: failure});
    this.failure = failure;
    this.retryAfter = retryAfter;
  }
}

const connectionLost = [
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'UND_ERR_SOCKET',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
];

/** An error of the connection: one that may pass, or REGISTRY_UNREACHABLE at once (no such host, refused, certificate). */
export function connectionFailure(error: unknown, host: string): BuildError | TransientFailure {
  if (error instanceof BuildError || error instanceof TransientFailure) return error;
  const failure = new BuildError('REGISTRY_UNREACHABLE', `cannot reach the registry ${host}: ${reasonOf(error)}`, {
    remedy: remedyOf(error, host),
    cause: error,
  });
  return hasErrno(error, ...connectionLost) ? new TransientFailure(failure) : failure;
}

function reasonOf(error: unknown): string {
  // Happy eyeballs gives one error for each address.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (hasErrno(error, 'ENOTFOUND', 'EAI_AGAIN')) return 'its name cannot be resolved';
  if (hasErrno(error, 'ECONNREFUSED')) return 'connection refused';
  if (hasErrno(error, 'ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET')) return 'the connection was closed';
  return messageOf(error);
}

function remedyOf(error: unknown, host: string): string {
  const code = error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? '') : '';
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/.test(code)) {
    return `Install its certificate authority (NODE_EXTRA_CA_CERTS), or name ${host} as an insecure registry.`;
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return `It seems to speak plain HTTP: name ${host} as an insecure registry if that is meant.`;
  }
  return 'Check the name, the network and the proxy settings.';
}

/** What was asked, for messages: `debian:bookworm` of `registry-1.docker.io`. */
export interface Asked {
  readonly host: string;
  /** Repository as the registry knows it. */
  readonly repository: string;
  /** `the image docker.io/library/debian:bookworm`, `the blob sha256:…`. */
  readonly what: string;
  /** Credentials were sent. */
  readonly authenticated: boolean;
}

const mostErrorBytes = 64 * 1024;

/** The error for an answer that is no success. `redact` takes out what was sent as credentials. */
export async function statusFailure(
  response: HttpResponse,
  asked: Asked,
  redact: (text: string) => string,
): Promise<BuildError | TransientFailure> {
  const {status} = response;
  const said = redact(await registryMessage(response));
  const suffix = said === '' ? '' : `: ${said}`;
  const {host, repository, what, authenticated} = asked;
  if (status === 401 || status === 403) {
    const login = host === 'index.docker.io' || host === 'registry-1.docker.io' ? '' : ` ${host}`;
    return new BuildError('REGISTRY_AUTH', `${host} refuses ${what} in ${repository} (status ${status})${suffix}`, {
      remedy: authenticated
        ? `The stored credentials are not accepted for it, or it does not exist. Log in again: docker login${login}.`
        : `It does not exist, or needs a login: docker login${login}.`,
    });
  }
  if (status === 404 || status === 410) {
    return new BuildError('NOT_FOUND', `${host} has no ${what.replace(/^the /, '')} in ${repository}${suffix}`, {
      remedy: 'Check the name and the tag.',
    });
  }
  const limited = status === 429;
  const failure = new BuildError(
    'REGISTRY_FAILED',
    `${host} answered ${what} of ${repository} with status ${status}${suffix}`,
    limited ? {remedy: 'Its rate limit is reached: wait, log in, or use a mirror.'} : {},
  );
  const transient = limited || status === 408 || status >= 500;
  return transient ? new TransientFailure(failure, retryAfterOf(response)) : failure;
}

/** `Retry-After` in milliseconds (RFC 9110, 10.2.3). */
function retryAfterOf({headers}: HttpResponse): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** `MANIFEST_UNKNOWN: manifest unknown` out of the error document (distribution-spec, error codes), on one line. */
async function registryMessage(response: HttpResponse): Promise<string> {
  try {
    const body = await readBody(response, mostErrorBytes);
    const document = JSON.parse(body?.toString('utf8') ?? '') as {
      errors?: readonly {code?: unknown; message?: unknown}[];
    };
    const [first] = document.errors ?? [];
    const parts = [first?.code, first?.message].filter((part) => typeof part === 'string' && part !== '');
    return parts.length === 0 ? '' : quote(parts.join(': ')).slice(1, -1);
  } catch {
    return '';
  }
}
