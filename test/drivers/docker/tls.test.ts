import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {resolveEndpoints} from '../../../engine/drivers/docker/endpoint.js';
import {pingDaemon} from '../../../engine/drivers/docker/ping.js';
import {temporaryDirectory} from '../../helpers/temporary.js';

const never = new AbortController().signal;

/** A daemon that wants a certificate, and the directory with one that it takes. */
async function daemon(t: ExecutionContext): Promise<{readonly host: string; readonly certificates: string}> {
  const certificates = temporaryDirectory(t);
  const [key, cert] = [join(certificates, 'key.pem'), join(certificates, 'cert.pem')];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=daemon', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...options, ...names, '-keyout', key, '-out', cert], {stdio: 'ignore'});
  execFileSync('cp', [cert, join(certificates, 'ca.pem')]);
  const pem = {key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(cert)};
  const server = createServer({...pem, requestCert: true, rejectUnauthorized: true}, (_, response) => {
    response.writeHead(200, {'Api-Version': '1.47'}).end('OK');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, certificates};
}

test('a daemon behind TLS is asked with the certificates of DOCKER_CERT_PATH', async (t) => {
  const {host, certificates} = await daemon(t);
  const environment = new Map([
    ['DOCKER_HOST', host],
    ['DOCKER_TLS_VERIFY', '1'],
    ['DOCKER_CERT_PATH', certificates],
  ]);
  const [endpoint] = await resolveEndpoints(environment, '/nonexistent', never);
  t.is((await pingDaemon(endpoint, 10_000, never)).apiVersion, '1.47');
});

test('a daemon whose certificate no authority vouches for is refused, unless it need not be verified', async (t) => {
  const {host, certificates} = await daemon(t);
  const read = (name: string) => readFileSync(join(certificates, name), 'utf8');
  const own = {cert: read('cert.pem'), key: read('key.pem')};
  const port = Number(new URL(host).port);
  const endpoint = {kind: 'tcp', host: '127.0.0.1', port, from: 'DOCKER_HOST'} as const;
  await t.throwsAsync(pingDaemon({...endpoint, tls: {...own, verify: true}}, 10_000, never), {
    code: 'DAEMON_UNREACHABLE',
    message: /certificate/,
  });
  t.is((await pingDaemon({...endpoint, tls: {...own, verify: false}}, 10_000, never)).apiVersion, '1.47');
});

test('a daemon that wants a certificate, asked without one or without TLS, is unreachable', async (t) => {
  const {host} = await daemon(t);
  const port = Number(new URL(host).port);
  const endpoint = {kind: 'tcp', host: '127.0.0.1', port, from: 'DOCKER_HOST'} as const;
  await t.throwsAsync(pingDaemon({...endpoint, tls: {verify: false}}, 10_000, never), {code: 'DAEMON_UNREACHABLE'});
  await t.throwsAsync(pingDaemon({...endpoint, tls: undefined}, 10_000, never), {code: 'DAEMON_UNREACHABLE'});
});
