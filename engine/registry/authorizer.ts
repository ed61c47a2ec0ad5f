import {BuildError} from '../base/errors.js';
import {createRedactor} from '../base/redact.js';
import {type Challenge, parseChallenges} from './challenge.js';
import type {CredentialSource, RegistryCredentials} from './credentials.js';
import type {Endpoint} from './endpoint.js';
import {type Asked, connectionFailure, statusFailure} from './failure.js';
import {discard, type HttpResponse, readBody, type Transport} from './transport.js';

/** What one host wants to see, remembered for later requests. */
export interface Authorizer {
  /** `Authorization` for a request to `endpoint` in `scope`, as far as it is known without being challenged. */
  header(endpoint: Endpoint, scope: string): string | undefined;
  /**
   * After an answer of 401 to a request with `sent`: asks for a token, or takes user and password. False where nothing more
   * can be offered; the body is left to be read then. Rejects with REGISTRY_AUTH where the token server refuses, and for a token server without TLS.
   */
  answer(
    endpoint: Endpoint,
    scope: string,
    response: HttpResponse,
    sent: string | undefined,
    signal: AbortSignal,
  ): Promise<boolean>;
  /** Credentials of this host were used. */
  authenticated(endpoint: Endpoint): boolean;
  redact(text: string): string;
}

interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

const mostTokenBytes = 1024 * 1024;
const shortestLife = 60;
/** Seconds before its end at which a token is no longer used. */
const margin = 10;

/** Credentials are asked for by the endpoint's own host only, and sent to it or to the token server that it names. */
export function createAuthorizer(transport: Transport, credentials: CredentialSource): Authorizer {
  const tokens = new Map<string, Token>();
  const basics = new Map<string, string>();
  const found = new Map<string, Promise<RegistryCredentials | undefined>>();
  const used = new Set<string>();
  /** Tokens that are on their way. */
  const asking = new Map<string, Promise<Token>>();
  const redactor = createRedactor();
  const keyOf = (endpoint: Endpoint, scope: string) => `${endpoint.base} ${scope}`;

  const credentialsFor = (host: string, signal: AbortSignal): Promise<RegistryCredentials | undefined> => {
    const known = found.get(host);
    if (known !== undefined) return known;
    const asked = credentials(host, signal).then((value) => {
      for (const secret of [value?.password, value?.identityToken]) if (secret !== undefined) redactor.add(secret);
      return value;
    });
    found.set(host, asked);
    // A cancelled question is asked again.
    asked.catch(() => found.delete(host));
    return asked;
  };

  const bearer = async (
    endpoint: Endpoint,
    challenge: Challenge,
    scope: string,
    signal: AbortSignal,
  ): Promise<Token> => {
    const realm = realmOf(endpoint, challenge);
    const service = challenge.parameters.get('service');
    const owner = await credentialsFor(endpoint.host, signal);
    if (owner !== undefined) used.add(endpoint.base);
    const asked: Asked = {
      host: realm.host,
      repository: scope.split(':')[1] ?? '',
      what: 'a token',
      authenticated: owner !== undefined,
    };
    const insecure = endpoint.insecure && realm.hostname === new URL(endpoint.base).hostname;
    const identity = owner?.identityToken;
    let response: HttpResponse;
    try {
      if (identity !== undefined) {
        const form = new URLSearchParams({
          grant_type: 'refresh_token',
          client_id: 'build-image',
          refresh_token: identity,
        });
        form.set('scope', joinScopes(scope, challenge.parameters.get('scope')));
        if (service !== undefined) form.set('service', service);
        const headers = {'content-type': 'application/x-www-form-urlencoded', accept: 'application/json'};
        response = await transport.send({
          method: 'POST',
          url: realm,
          headers,
          body: form.toString(),
          insecure,
          signal,
        });
      } else {
        const url = new URL(realm);
        if (service !== undefined) url.searchParams.set('service', service);
        for (const one of joinScopes(scope, challenge.parameters.get('scope')).split(' '))
          url.searchParams.append('scope', one);
        if (owner !== undefined && owner.username !== '') url.searchParams.set('account', owner.username);
        const headers = {accept: 'application/json', ...(owner !== undefined && {authorization: basicOf(owner)})};
        response = await transport.send({method: 'GET', url, headers, insecure, signal});
      }
    } catch (error) {
      signal.throwIfAborted();
      throw connectionFailure(error, realm.host);
    }
    if (response.status !== 200) throw await statusFailure(response, asked, (text) => redactor.redact(text));
    const token = await readToken(response, realm.host);
    redactor.add(token.value);
    return token;
  };

  const header = (endpoint: Endpoint, scope: string): string | undefined => {
    const token = tokens.get(keyOf(endpoint, scope));
    if (token !== undefined && token.expires > Date.now()) return `Bearer ${token.value}`;
    return basics.get(endpoint.base);
  };

  return {
    header,
    async answer(endpoint, scope, response, sent, signal) {
      const challenges = parseChallenges(response.headers['www-authenticate']);
      // Another host's challenge is none of ours.
      if (response.redirected) return false;
      // Several requests at once: what another has got meanwhile is good for this one too.
      if (header(endpoint, scope) !== sent) {
        discard(response);
        return true;
      }
      const asks =
        challenges.find(({scheme}) => scheme === 'bearer') ?? challenges.find(({scheme}) => scheme === 'basic');
      if (asks?.scheme === 'bearer') {
        const key = keyOf(endpoint, scope);
        discard(response);
        const asked = asking.get(key) ?? bearer(endpoint, asks, scope, signal);
        asking.set(key, asked);
        try {
          tokens.set(key, await asked);
        } finally {
          asking.delete(key);
        }
        return true;
      }
      if (asks?.scheme !== 'basic' || basics.has(endpoint.base)) return false;
      const owner = await credentialsFor(endpoint.host, signal);
      if (!basics.has(endpoint.base)) {
        if (owner === undefined || owner.password === '') return false;
        used.add(endpoint.base);
        const value = basicOf(owner);
        redactor.add(value.slice('Basic '.length));
        basics.set(endpoint.base, value);
      }
      discard(response);
      return true;
    },
    authenticated: (endpoint) => used.has(endpoint.base),
    redact: (text) => redactor.redact(text),
  };
}

/** What is asked for and what the challenge wants beside it: `repository:a:pull,push` also where it names only `pull`. */
function joinScopes(wanted: string, challenged = ''): string {
  const actions = new Map<string, Set<string>>();
  for (const scope of `${challenged} ${wanted}`.split(' ')) {
    const [, resource, names = ''] = /^(.+):([^:]*)$/.exec(scope) ?? [];
    if (resource === undefined) continue;
    const known = actions.get(resource) ?? new Set();
    for (const name of names.split(',')) known.add(name);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, names]) => `${resource}:${[...names].join(',')}`).join(' ');
}

function basicOf({username, password}: RegistryCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Where the token is to be had. A registry behind TLS cannot send us, and the password, to a server without. */
function realmOf(endpoint: Endpoint, challenge: Challenge): URL {
  const text = challenge.parameters.get('realm') ?? '';
  let realm: URL;
  try {
    realm = new URL(text, endpoint.base);
  } catch (error) {
    throw new BuildError('REGISTRY_FAILED', `${endpoint.host} names a token server that is no URL`, {cause: error});
  }
  const plain = realm.protocol === 'http:' && endpoint.insecure;
  if (realm.protocol !== 'https:' && !plain) {
    throw new BuildError('REGISTRY_AUTH', `${endpoint.host} names a token server without TLS: ${realm.host}`, {
      remedy: `No credentials were sent. Name ${endpoint.host} as an insecure registry if that is meant.`,
    });
  }
  realm.username = '';
  realm.password = '';
  return realm;
}

/** distribution-spec, token authentication: `token` or `access_token`, `expires_in` in seconds. */
async function readToken(response: HttpResponse, host: string): Promise<Token> {
  const body = await readBody(response, mostTokenBytes);
  let answer: unknown;
  try {
    answer = JSON.parse(body?.toString('utf8') ?? '');
  } catch {
    // The parser's message may quote the token.
    answer = undefined;
  }
  const {token, access_token: other, expires_in: life} = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const value = typeof token === 'string' && token !== '' ? token : other;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new BuildError('REGISTRY_AUTH', `the token server ${host} gave no token`);
  }
  const seconds = Math.max(typeof life === 'number' && Number.isFinite(life) ? life : 0, shortestLife);
  return {value, expires: Date.now() + (seconds - margin) * 1000};
}
