import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, writeFileSync} from 'node:fs';
import {createServer, type IncomingMessage, request, type Server, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type {ExecutionContext} from 'ava';
import {digestOf, type Digest} from '../../engine/oci/digest.js';
import {freePort} from './free-port.js';
import {available} from './requirement.js';
import {temporaryDirectory} from './temporary.js';

const program = '/usr/bin/docker-registry';
/** bcrypt of `secret-pass`. */
const htpasswd = 'user:$2b$04$fwikvVyN2AJ/hzFzz2TbyefXrttTS4m.NVTsumQMwz4PaXZmriMUy\n';
export const registryUser = {username: 'user', password: 'secret-pass'};

export type RegistryAuth =
  | {readonly kind: 'none'}
  | {readonly kind: 'htpasswd'}
  | {readonly kind: 'token'; readonly realm: string; readonly service: string; readonly certificate: string};

export function hasRegistry(t: ExecutionContext): boolean {
  return available(t, existsSync(program), `${program} (package docker-registry)`);
}

/** A registry of Debian on a free port of loopback, ended with the test. Gives `host:port`. */
export async function startRegistry(t: ExecutionContext, auth: RegistryAuth = {kind: 'none'}): Promise<string> {
  const directory = temporaryDirectory(t);
  const port = await freePort();
  writeFileSync(join(directory, 'htpasswd'), htpasswd);
  const authentication = {
    none: () => ({}),
    htpasswd: () => ({auth: {htpasswd: {realm: 'test', path: join(directory, 'htpasswd')}}}),
    token: () => {
      if (auth.kind !== 'token') throw new Error('unreachable');
      const {realm, service, certificate} = auth;
      return {auth: {token: {realm, service, issuer: 'test', rootcertbundle: certificate}}};
    },
  }[auth.kind]();
  const config = {
    version: 0.1,
    log: {level: 'error', accesslog: {disabled: true}},
    storage: {filesystem: {rootdirectory: join(directory, 'data')}},
    http: {addr: `127.0.0.1:${port}`},
    ...authentication,
  };
  const file = join(directory, 'config.yml');
  writeFileSync(file, JSON.stringify(config));
  const child = runRegistry(file);
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await answers(child, `127.0.0.1:${port}`);
  return `127.0.0.1:${port}`;
}

/** A registry of Debian with this configuration, as a process of the caller's. */
export function runRegistry(file: string): ChildProcess {
  return spawn(program, ['serve', file], {stdio: 'ignore', env: {OTEL_TRACES_EXPORTER: 'none'}});
}

/** Waits until the registry answers. */
export async function answers(child: ChildProcess, host: string): Promise<void> {
  for (let attempt = 0; attempt < 200 && child.exitCode === null; attempt++) {
    const answered = await fetch(`http://${host}/v2/`).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await sleep(50);
  }
  throw new Error('the registry does not start');
}

/** Serves `handle` on loopback until the test ends; gives `host:port`. */
export async function serve(
  t: ExecutionContext,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server: Server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** Answers itself (true), or lets the request pass. */
export type Intercept = (request: Recorded, response: ServerResponse, count: number) => boolean;

export interface RecordingProxy {
  readonly host: string;
  readonly requests: Recorded[];
}

/** Passes requests on to `upstream`, as they are, and notes them. */
export async function recordingProxy(
  t: ExecutionContext,
  upstream: string,
  intercept: Intercept = () => false,
): Promise<RecordingProxy> {
  const requests: Recorded[] = [];
  const [hostname = '', port = ''] = upstream.split(':');
  const host = await serve(t, (incoming, response) => {
    const recorded: Recorded = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      host: incoming.headers.host ?? '',
      authorization: incoming.headers.authorization,
      range: incoming.headers.range,
    };
    requests.push(recorded);
    if (intercept(recorded, response, requests.length)) return;
    const {method, url: path, headers} = incoming;
    const onward = request({host: hostname, port, method, path, headers}, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  return {host, requests};
}

export interface PushOptions {
  readonly authorization?: string;
}

/** Puts a blob into a registry. */
export async function pushBlob(
  host: string,
  repository: string,
  content: Uint8Array,
  {authorization}: PushOptions = {},
): Promise<Digest> {
  const digest = digestOf(content);
  const headers: Record<string, string> = authorization === undefined ? {} : {authorization};
  const start = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, {method: 'POST', headers});
  if (start.status !== 202) throw new Error(`upload refused: ${start.status} ${await start.text()}`);
  const url = new URL(start.headers.get('location') ?? '', `http://${host}`);
  url.searchParams.set('digest', digest);
  const put = await fetch(url, {
    method: 'PUT',
    headers: {...headers, 'content-type': 'application/octet-stream'},
    body: content,
  });
  if (put.status !== 201) throw new Error(`blob refused: ${put.status} ${await put.text()}`);
  return digest;
}

/** Puts a manifest into a registry. */
export async function pushManifest(
  host: string,
  repository: string,
  name: string,
  document: {readonly mediaType: string},
  {authorization}: PushOptions = {},
): Promise<{readonly digest: Digest; readonly size: number}> {
  const body = Buffer.from(JSON.stringify(document));
  const put = await fetch(`http://${host}/v2/${repository}/manifests/${name}`, {
    method: 'PUT',
    headers: {'content-type': document.mediaType, ...(authorization === undefined ? {} : {authorization})},
    body,
  });
  if (put.status !== 201) throw new Error(`manifest refused: ${put.status} ${await put.text()}`);
  return {digest: digestOf(body), size: body.length};
}
