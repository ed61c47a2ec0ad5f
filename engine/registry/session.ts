import {setTimeout as sleep} from 'node:timers/promises';
import {BuildError, hasErrno} from '../base/errors.js';
import type {Reference} from '../oci/reference.js';
import {type Authorizer, createAuthorizer} from './authorizer.js';
import type {CredentialSource} from './credentials.js';
import {type Endpoint, type EndpointOptions, endpointsOf} from './endpoint.js';
import {type Asked, connectionFailure, statusFailure, TransientFailure} from './failure.js';
import {createTransport, type HttpBody, type HttpMethod, type HttpResponse} from './transport.js';

export interface SessionOptions extends EndpointOptions {
  readonly credentials: CredentialSource;
  /** Attempts after the first (default 4; a mirror gets one at most). */
  readonly retries?: number;
  /** Milliseconds before the second attempt, doubled each time (default 300). */
  readonly backOff?: number;
  /** What is worth a word: a mirror that does not answer. */
  readonly note?: (message: string) => void;
}

/** One question about a repository. */
export interface Question {
  readonly method: HttpMethod;
  /** Below `/v2/<repository>`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: HttpBody;
  /** What is asked for, for messages: `the manifest "12"`. */
  readonly what: string;
  /** Asked of the registry itself, never of a mirror, and with the right to push. */
  readonly push?: boolean;
  /** Another repository of the same registry that is read from: `library/debian`. */
  readonly from?: string;
  /** Instead of `path`: an address that the registry gave for an upload. */
  readonly at?: string;
  /** Not tried again: a failure that may pass is thrown as the TransientFailure that it is. */
  readonly once?: boolean;
}

/**
 * Asks the endpoint that answered once more, at an address that it gave. Once only: a failure is one of the question that
 * it follows. Credentials go along where the address is the endpoint's own.
 */
export type Onward = (
  location: string,
  question: Pick<Question, 'method' | 'headers' | 'body'>,
) => Promise<HttpResponse>;

/** Connections, tokens and what is known of the endpoints, for as long as a build runs. */
export interface Session {
  /**
   * The answer of the first endpoint that gives `use` something: a mirror that fails is passed over. `use` reads the body,
   * or destroys it; what it throws counts as the endpoint's failure. Failures that may pass are tried again.
   */
  ask<T>(
    reference: Reference,
    question: Question,
    use: (response: HttpResponse, onward: Onward) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T>;
  /** Attempts after the first. */
  readonly retries: number;
  /** Waits before the attempt after `failures` failed ones, `least` milliseconds at least. */
  pause(failures: number, signal: AbortSignal, least?: number): Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds that a server may make us wait; beyond, it is a refusal. */
export const longestWait = 60_000;

export function createSession(options: SessionOptions): Session {
  const transport = createTransport();
  const authorizer = createAuthorizer(transport, options.credentials);
  const {retries = 4, backOff = 300, note} = options;
  /** Endpoints that did not answer: not asked again where there is another. */
  const down = new Map<string, BuildError>();

  /** Endpoints that have answered something: they speak the protocol. */
  const answered = new Set<string>();

  const attempt = async (endpoint: Endpoint, repository: string, question: Question, signal: AbortSignal, at?: URL) => {
    const url = at ?? addressOf(endpoint, repository, question);
    try {
      return await exchange(endpoint, repository, question, url, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = connectionFailure(error, url.host);
      // A registry that answered before is being started again.
      const restarts = hasErrno(error, 'ECONNREFUSED') && answered.has(endpoint.base) && failure instanceof BuildError;
      throw restarts ? new TransientFailure(failure) : failure;
    }
  };

  const exchange = async (
    endpoint: Endpoint,
    repository: string,
    question: Question,
    url: URL,
    signal: AbortSignal,
  ): Promise<HttpResponse> => {
    const scope = scopeOf(repository, question);
    const own = url.origin === new URL(endpoint.base).origin;
    // A token may end meanwhile, and user and password may turn out to be wanted: once each.
    for (let round = 0; ; round++) {
      const authorization = own ? authorizer.header(endpoint, scope) : undefined;
      const response = await transport.send({
        method: question.method,
        url,
        headers: {
          'accept-encoding': 'identity',
          ...question.headers,
          ...(authorization === undefined ? {} : {authorization}),
        },
        ...(question.body !== undefined && {body: question.body}),
        insecure: own && endpoint.insecure,
        signal,
      });
      answered.add(endpoint.base);
      if (response.status >= 200 && response.status < 300) return response;
      const again =
        own &&
        response.status === 401 &&
        round < 2 &&
        (await authorizer.answer(endpoint, scope, response, authorization, signal));
      if (!again) throw await refusal(authorizer, endpoint, repository, question, response);
    }
  };

  const persist = async <T>(
    endpoint: Endpoint,
    repository: string,
    question: Question,
    use: (response: HttpResponse, onward: Onward) => Promise<T>,
    only: boolean,
    signal: AbortSignal,
  ): Promise<T> => {
    const {default: retry} = await import('p-retry');
    try {
      return await retry(
        async () => {
          const response = await attempt(endpoint, repository, question, signal);
          const onward: Onward = (location, next) =>
            attempt(endpoint, repository, {...question, ...next}, signal, uploadTarget(endpoint, response, location));
          try {
            return await use(response, onward);
          } catch (error) {
            signal.throwIfAborted();
            throw connectionFailure(error, response.host);
          }
        },
        {
          retries: question.once === true ? 0 : endpoint.mirror && !only ? Math.min(1, retries) : retries,
          minTimeout: backOff,
          maxTimeout: longestWait,
          randomize: true,
          signal,
          shouldRetry: ({error}) =>
            error instanceof TransientFailure &&
            (error.retryAfter ?? 0) <= longestWait &&
            (only || answered.has(endpoint.base)),
          async onFailedAttempt({error, retriesLeft}) {
            const wait = error instanceof TransientFailure ? (error.retryAfter ?? 0) : 0;
            if (retriesLeft > 0 && wait > 0 && wait <= longestWait) await sleep(wait, undefined, {signal});
          },
        },
      );
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof TransientFailure && question.once !== true ? error.failure : error;
    }
  };

  return {
    retries,
    async pause(failures, signal, least = 0) {
      const wait = Math.max(least, Math.min(backOff * 2 ** (failures - 1), longestWait) * (1 + Math.random()));
      try {
        await sleep(wait, undefined, {signal});
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    },
    async ask(reference, question, use, signal) {
      const all = endpointsOf(reference.domain, options).filter(({mirror}) => !(mirror && question.push === true));
      const up = all.filter(({base}) => !down.has(base));
      let last: unknown;
      const asked = up.length > 0 ? up : all;
      for (const [index, endpoint] of asked.entries()) {
        signal.throwIfAborted();
        try {
          // Where there is another place to ask, little patience is enough.
          const only = index === asked.length - 1;
          return await persist(endpoint, reference.path, question, use, only, signal);
        } catch (error) {
          if (!(error instanceof BuildError)) throw error;
          const rest = asked.slice(index + 1);
          if (!mayGoOn(endpoint, rest, error)) throw better(last, error);
          if (error.code === 'REGISTRY_UNREACHABLE') down.set(endpoint.base, error);
          if (endpoint.mirror && error.code !== 'NOT_FOUND') {
            note?.(`the mirror ${endpoint.host} is passed over: ${error.message}`);
          }
          last = error;
        }
      }
      throw last instanceof Error ? last : new Error('unreachable: no endpoint');
    },
    close: () => transport.close(),
  };
}

function scopeOf(repository: string, {push = false, from}: Question): string {
  const scope = `repository:${repository}:${push ? 'pull,push' : 'pull'}`;
  return from === undefined ? scope : `${scope} repository:${from}:pull`;
}

function addressOf(endpoint: Endpoint, repository: string, {path, at}: Question): URL {
  if (at !== undefined) return uploadTarget(endpoint, new URL(endpoint.base), at);
  return new URL(`${endpoint.base}/v2/${repository}${path}`);
}

/** Where an upload goes on. A registry behind a proxy may name itself without TLS; another host never gets there. */
function uploadTarget(endpoint: Endpoint, {host}: Pick<HttpResponse, 'host'>, location: string): URL {
  const base = new URL(endpoint.base);
  let url: URL;
  try {
    url = new URL(location, base);
  } catch {
    throw new BuildError('REGISTRY_FAILED', `${host} wants an upload at something that is no URL`);
  }
  if (url.host === base.host && base.protocol === 'https:') url.protocol = 'https:';
  if (url.protocol !== 'https:' && url.origin !== base.origin) {
    throw new BuildError('REGISTRY_FAILED', `${host} wants an upload without TLS at ${url.host}`, {
      remedy: 'Nothing was sent there.',
    });
  }
  url.username = '';
  url.password = '';
  return url;
}

/** After `error` the next endpoint is asked: any other after a mirror; without TLS where TLS could not be spoken. */
function mayGoOn(endpoint: Endpoint, rest: readonly Endpoint[], error: BuildError): boolean {
  if (rest.length === 0) return false;
  if (endpoint.mirror) return true;
  return error.code === 'REGISTRY_UNREACHABLE' || error.code === 'REGISTRY_FAILED';
}

/** Of a host that was asked in two ways, the answer says more than the missing connection. */
function better(earlier: unknown, error: BuildError): BuildError {
  const answered = earlier instanceof BuildError && earlier.code !== 'REGISTRY_UNREACHABLE';
  return answered && error.code === 'REGISTRY_UNREACHABLE' ? earlier : error;
}

async function refusal(
  authorizer: Authorizer,
  endpoint: Endpoint,
  repository: string,
  question: Question,
  response: HttpResponse,
): Promise<BuildError | TransientFailure> {
  const asked: Asked = {
    host: response.redirected ? response.host : endpoint.host,
    repository,
    what: question.what,
    authenticated: authorizer.authenticated(endpoint),
  };
  return statusFailure(response, asked, (text) => authorizer.redact(text));
}
