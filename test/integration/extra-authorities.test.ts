import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {join, resolve} from 'node:path';
import {text} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import {createTransport} from '../../engine/registry/transport.js';
import {archive} from '../helpers/archive.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const launcher = resolve('dist/bundle/cli/build-image');

interface Server {
  readonly url: string;
  readonly certificate: string;
  readonly directory: string;
}

/** One that only its own certificate vouches for. */
async function startServer(t: ExecutionContext): Promise<Server> {
  const directory = temporaryDirectory(t);
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '2', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...curve, ...names, '-keyout', key, '-out', certificate], {stdio: 'ignore'});
  const server = createServer({key: readFileSync(key), cert: readFileSync(certificate)}, (request, response) => {
    if (request.url === '/file') response.end('content\n');
    else if (request.url === '/context.tar')
      response.end(archive({name: 'Dockerfile', content: 'FROM scratch\nCOPY . /\n'}));
    else response.writeHead(request.url === '/v2/' ? 200 : 404).end('{}');
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  return {url: `localhost:${(server.address() as AddressInfo).port}`, certificate, directory};
}

interface Run {
  readonly status: number | null;
  readonly stderr: string;
}

async function build(server: Server, dockerfile: string, extra: string | undefined): Promise<Run> {
  const context = join(server.directory, 'context');
  mkdirSync(context, {recursive: true});
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  return buildOf(server, context, extra);
}

async function buildOf(server: Server, context: string, extra: string | undefined): Promise<Run> {
  const flags = ['--driver', 'embedded', '--no-compose', '--no-artifacts', '--progress', 'plain', '--no-cache'];
  const child = spawn(launcher, ['build', context, '--root', join(server.directory, 'store'), ...flags], {
    env: {...process.env, NODE_EXTRA_CA_CERTS: extra},
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr, [status]] = await Promise.all([
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null, unknown]>,
  ]);
  return {status, stderr};
}

test('a server that only NODE_EXTRA_CA_CERTS vouches for is believed, although Node starts without it', async (t) => {
  if (!available(t, existsSync(launcher), 'not bundled: npm run bundle')) return;
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const server = await startServer(t);
  const added = `FROM scratch\nADD https://${server.url}/file /file\n`;
  const known = await build(server, added, server.certificate);
  t.is(known.status, 0, known.stderr);

  const unknown = await build(server, added, undefined);
  t.is(unknown.status, 1);
  t.regex(unknown.stderr, /cannot fetch .*certificate/);

  const missing = await build(server, added, join(server.directory, 'nowhere.pem'));
  t.is(missing.status, 1);
  t.regex(missing.stderr, /Ignoring extra certs from `.*nowhere\.pem`/);
});

test('so is one that gives the build context', async (t) => {
  if (!available(t, existsSync(launcher), 'not bundled: npm run bundle')) return;
  if (!available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const server = await startServer(t);
  const context = `https://${server.url}/context.tar`;
  const known = await buildOf(server, context, server.certificate);
  t.is(known.status, 0, known.stderr);
  const unknown = await buildOf(server, context, undefined);
  t.is(unknown.status, 1);
  t.regex(unknown.stderr, /cannot fetch the build context .*certificate/);
});

test('so is a registry', async (t) => {
  const server = await startServer(t);
  const transport = createTransport();
  t.teardown(() => transport.close());
  const request = {
    method: 'GET',
    url: new URL(`https://${server.url}/v2/`),
    insecure: false,
    signal: AbortSignal.timeout(30_000),
  } as const;
  await t.throwsAsync(transport.send(request), {message: /certificate/});

  process.env['BUILD_IMAGE_EXTRA_CA_CERTS'] = server.certificate;
  const other = createTransport();
  t.teardown(() => other.close());
  const {status} = await other.send(request);
  t.is(status, 200);
});
