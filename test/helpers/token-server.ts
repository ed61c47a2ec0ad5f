import {execFileSync} from 'node:child_process';
import {randomUUID, sign} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import type {IncomingMessage, ServerResponse} from 'node:http';
import type {ExecutionContext} from 'ava';
import {registryUser, serve} from './registry.js';
import {temporaryDirectory} from './temporary.js';

export interface TokenRequest {
  readonly method: string;
  readonly authorization: string | undefined;
  readonly parameters: URLSearchParams;
}

export interface TokenServer {
  readonly realm: string;
  readonly service: string;
  /** PEM that a registry trusts tokens by. */
  readonly certificate: string;
  readonly requests: TokenRequest[];
  readonly identityToken: string;
}

/** What the server grants to someone who shows nothing; default nothing. */
export interface TokenServerOptions {
  readonly anonymous?: boolean;
}

/** A token server (distribution's token authentication) that knows `registryUser` and one identity token. */
export async function startTokenServer(t: ExecutionContext, options: TokenServerOptions = {}): Promise<TokenServer> {
  const directory = temporaryDirectory(t);
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  const subject = ['-subj', '/CN=test', '-days', '2', '-nodes'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...subject, '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  });
  const chain = readFileSync(certificate, 'utf8').replace(/-----[A-Z ]+-----|\s/g, '');
  const privateKey = readFileSync(key, 'utf8');
  const requests: TokenRequest[] = [];
  const identityToken = `identity-${randomUUID()}`;
  const service = 'test-registry';

  const jwt = (scopes: readonly string[]): string => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return {type, name, actions: actions.split(',')};
    });
    const claims = {iss: 'test', aud: service, iat: now, nbf: now - 10, exp: now + 300, jti: randomUUID(), access};
    const body = `${part({typ: 'JWT', alg: 'ES256', x5c: [chain]})}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(body), {key: privateKey, dsaEncoding: 'ieee-p1363'});
    return `${body}.${signature.toString('base64url')}`;
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', 'http://x');
    const parameters = request.method === 'POST' ? new URLSearchParams(await text(request)) : url.searchParams;
    const {authorization} = request.headers;
    requests.push({method: request.method ?? '', authorization, parameters});
    const basic = Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64');
    const known =
      authorization === `Basic ${basic}` ||
      parameters.get('refresh_token') === identityToken ||
      (authorization === undefined && request.method === 'GET' && options.anonymous === true);
    if (!known) {
      response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}');
      return;
    }
    const token = jwt(parameters.getAll('scope').flatMap((scope) => scope.split(' ')));
    const field = request.method === 'POST' ? 'access_token' : 'token';
    response.end(JSON.stringify({[field]: token, expires_in: 300}));
  };
  const host = await serve(t, (request, response) => void answer(request, response));
  return {realm: `http://${host}/token`, service, certificate, requests, identityToken};
}

/** A token for the scopes, as a client with the password gets it. */
export async function tokenOf(server: TokenServer, scope: string): Promise<string> {
  const url = new URL(server.realm);
  url.searchParams.set('scope', scope);
  const basic = Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64');
  const response = await fetch(url, {headers: {authorization: `Basic ${basic}`}});
  return ((await response.json()) as {token: string}).token;
}
