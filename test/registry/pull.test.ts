import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once, setMaxListeners} from 'node:events';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:https';
import type {AddressInfo} from 'node:net';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {digestOf, type Digest} from '../../engine/oci/digest.js';
import {mediaTypes} from '../../engine/oci/media-types.js';
import {parseReference} from '../../engine/oci/reference.js';
import {
  type BlobSink,
  createRegistryClient,
  type RegistryClient,
  type RegistryOptions,
} from '../../engine/registry/client.js';
import {bytesOf, pushImage, sampleImage} from '../helpers/image.js';
import {hasRegistry, pushBlob, pushManifest, recordingProxy, serve, startRegistry} from '../helpers/registry.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const signal = new AbortController().signal;
// Every test of this file at once listens to it.
setMaxListeners(0, signal);
const amd64 = {os: 'linux', architecture: 'amd64'};
const arm64 = {os: 'linux', architecture: 'arm64'};

function client(t: ExecutionContext, options: Partial<RegistryOptions> = {}): RegistryClient {
  const made = createRegistryClient({credentials: () => Promise.resolve(undefined), backOff: 5, ...options});
  t.teardown(() => made.close());
  return made;
}

const compare = (a: Buffer, b: Buffer) => a.compare(b);

function memorySink(): BlobSink & {readonly blobs: Map<Digest, Buffer>} {
  const blobs = new Map<Digest, Buffer>();
  return {
    blobs,
    has: (digest) => Promise.resolve(blobs.has(digest)),
    async write(digest, _size, stream) {
      blobs.set(digest, await bytesOf(stream));
    },
  };
}

test('an image is resolved and its layers arrive in the sink, each once', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const image = sampleImage(5, 100_000);
  const {digest} = await pushImage(host, 'team/app', 'v1', image);
  const proxy = await recordingProxy(t, host);
  const registry = client(t);
  const reference = parseReference(`${proxy.host}/team/app:v1`);
  const found = await registry.resolve(reference, amd64, signal);
  t.is(found.digest, digest);
  t.is(found.manifestDigest, digest);
  t.is(found.configDigest, digestOf(image.config));
  t.deepEqual(found.config.config?.Env, ['A=b']);
  t.is(proxy.requests.length, 2, 'metadata costs two requests');
  const sink = memorySink();
  const seen = new Map<Digest, number>();
  await registry.blobs(reference, [...found.manifest.layers, ...found.manifest.layers], sink, signal, (id, current) => {
    t.true(current >= (seen.get(id) ?? 0));
    seen.set(id, current);
  });
  t.deepEqual([...sink.blobs.values()].sort(compare), [...image.layers].sort(compare));
  t.is(proxy.requests.length, 7);
  await registry.blobs(reference, found.manifest.layers, sink, signal);
  t.is(proxy.requests.length, 7, 'what the sink has is not asked for');
  t.is(await registry.digest(reference, signal), digest);
  t.is(proxy.requests.at(-1)?.method, 'HEAD');
});

test('an index gives the image of the platform, a digest exactly what it names', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const intel = sampleImage(1);
  const arm = sampleImage(1, 1000, {architecture: 'arm64'});
  const a = await pushImage(host, 'multi', 'a', intel);
  const b = await pushImage(host, 'multi', 'b', arm);
  const entry = (one: typeof a, platform: object) => ({mediaType: mediaTypes.ociManifest, ...one, platform});
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [entry(b, arm64), entry(a, amd64)],
  };
  const top = await pushManifest(host, 'multi', 'latest', index);
  const registry = client(t);
  const of = (suffix: string) => parseReference(`${host}/multi${suffix}`);
  const onIntel = await registry.resolve(of(''), amd64, signal);
  t.is(onIntel.digest, top.digest);
  t.is(onIntel.manifestDigest, a.digest);
  t.is((await registry.resolve(of(':latest'), arm64, signal)).manifestDigest, b.digest);
  t.is((await registry.resolve(of(`@${a.digest}`), arm64, signal)).manifestDigest, a.digest);
  const error = await t.throwsAsync(registry.resolve(of(''), {os: 'linux', architecture: 's390x'}, signal), {
    code: 'NOT_FOUND',
  });
  t.regex(error.message, /linux\/s390x/);
});

test("Docker's schema 2 is read as OCI is", async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const {manifest, config, layers} = sampleImage(2);
  const docker = {
    ...manifest,
    mediaType: mediaTypes.dockerManifest,
    config: {...manifest.config, mediaType: mediaTypes.dockerConfig},
    layers: manifest.layers.map((layer) => ({...layer, mediaType: mediaTypes.dockerLayerGzip})),
  };
  const {digest} = await pushImage(host, 'app', 'latest', {manifest: docker, config, layers});
  const found = await client(t).resolve(parseReference(`${host}/app`), amd64, signal);
  t.is(found.digest, digest);
  t.is(found.manifest.mediaType, mediaTypes.dockerManifest);
});

test('what is not there is named with its registry, repository and tag', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const error = await t.throwsAsync(client(t).resolve(parseReference(`${host}/no/such:tag1`), amd64, signal), {
    code: 'NOT_FOUND',
  });
  t.true(error.message.includes(host) && error.message.includes('no/such:tag1'), error.message);
});

test('a registry that does not answer is unreachable, at once', async (t) => {
  const start = Date.now();
  const resolving = client(t, {backOff: 60_000}).resolve(parseReference('127.0.0.1:1/app'), amd64, signal);
  const error = await t.throwsAsync(resolving, {code: 'REGISTRY_UNREACHABLE'});
  t.regex(error.message, /127\.0\.0\.1:1/);
  t.true(Date.now() - start < 50_000, 'no second attempt');
});

const cutAt = [1, 65_536, 700_000];
for (const at of cutAt) {
  test(`a connection that is cut after ${at} bytes is taken up there`, async (t) => {
    if (!hasRegistry(t)) return;
    const host = await startRegistry(t);
    const content = randomBytes(1_000_000);
    const digest = await pushBlob(host, 'app', content);
    let cuts = 0;
    const proxy = await recordingProxy(t, host, ({url, range}, response) => {
      if (!url.includes('/blobs/') || cuts >= 1) return false;
      cuts++;
      t.is(range, undefined);
      response.writeHead(200, {'content-length': content.length});
      response.write(content.subarray(0, at), () => setTimeout(() => response.destroy(), 50));
      return true;
    });
    const reference = parseReference(`${proxy.host}/app`);
    t.deepEqual(await bytesOf(client(t).blob(reference, {digest, size: content.length}, signal)), content);
    t.is(cuts, 1);
    t.is(proxy.requests.at(-1)?.range, `bytes=${at}-`);
  });
}

test('a server without ranges is read from its beginning again', async (t) => {
  const content = randomBytes(300_000);
  let count = 0;
  const host = await serve(t, (_, response) => {
    response.writeHead(200, {'content-length': content.length});
    if (++count > 2) return response.end(content);
    return response.write(content.subarray(0, 100_000 * count), () => setTimeout(() => response.destroy(), 50));
  });
  const blob = {digest: digestOf(content), size: content.length};
  t.deepEqual(await bytesOf(client(t).blob(parseReference(`${host}/app`), blob, signal)), content);
  t.is(count, 3);
});

test('a connection that is always cut ends in an error that says how far it came', async (t) => {
  const content = randomBytes(1000);
  let count = 0;
  const host = await serve(t, (_, response) => {
    count++;
    response.writeHead(200, {'content-length': content.length});
    response.flushHeaders();
    setTimeout(() => response.destroy(), 10);
  });
  const blob = {digest: digestOf(content), size: content.length};
  const reading = bytesOf(client(t, {retries: 2}).blob(parseReference(`${host}/app`), blob, signal));
  const error = await t.throwsAsync(reading, {code: 'REGISTRY_UNREACHABLE'});
  t.true(error.message.includes(host));
  t.is(count, 3);
});

for (const status of [429, 500, 502, 503]) {
  test(`status ${status} is tried again`, async (t) => {
    if (!hasRegistry(t)) return;
    const host = await startRegistry(t);
    await pushImage(host, 'app', 'latest', sampleImage(1));
    const proxy = await recordingProxy(t, host, (_, response, count) => {
      if (count > 2) return false;
      response.writeHead(status).end();
      return true;
    });
    await t.notThrowsAsync(client(t).resolve(parseReference(`${proxy.host}/app`), amd64, signal));
    t.is(proxy.requests.length, 4);
  });
}

test('Retry-After is kept', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  await pushImage(host, 'app', 'latest', sampleImage(1));
  const proxy = await recordingProxy(t, host, (_, response, count) => {
    if (count > 1) return false;
    response.writeHead(429, {'retry-after': '1'}).end();
    return true;
  });
  const start = Date.now();
  await client(t).resolve(parseReference(`${proxy.host}/app`), amd64, signal);
  t.true(Date.now() - start >= 1000);
});

test('a server that asks to wait for an hour is a refusal, with what to do', async (t) => {
  const host = await serve(t, (_, response) => void response.writeHead(429, {'retry-after': '3600'}).end());
  const resolving = client(t).resolve(parseReference(`${host}/app`), amd64, signal);
  const error = await t.throwsAsync(resolving, {code: 'REGISTRY_FAILED'});
  t.regex((error as {details?: {remedy?: string}}).details?.remedy ?? '', /rate limit/);
});

test('on loopback a registry behind TLS is found too, whatever its certificate', async (t) => {
  const content = randomBytes(1000);
  const directory = temporaryDirectory(t);
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  const subject = ['-subj', '/CN=other.example', '-days', '2', '-nodes'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  const server = createServer({key: readFileSync(key), cert: readFileSync(cert)}, (_, response) =>
    response.end(content),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => void server.close());
  const {port} = server.address() as AddressInfo;
  const {reference, blob} = blobOf(`127.0.0.1:${port}`, content);
  const registry = client(t);
  t.deepEqual(await bytesOf(registry.blob(reference, blob, signal)), content);
  await registry.close();
});

test('status 400 is not tried again', async (t) => {
  let count = 0;
  const host = await serve(t, (_, response) => {
    count++;
    response.writeHead(400).end();
  });
  await t.throwsAsync(client(t).resolve(parseReference(`${host}/app`), amd64, signal), {code: 'REGISTRY_FAILED'});
  t.is(count, 1);
});

const blobOf = (host: string, content: Buffer, size = content.length) => ({
  reference: parseReference(`${host}/app`),
  blob: {digest: digestOf(content), size},
});

test('wrong bytes are refused at the end, and the sink keeps nothing', async (t) => {
  const content = randomBytes(1000);
  const host = await serve(t, (_, response) => response.end(randomBytes(1000)));
  const {reference, blob} = blobOf(host, content);
  const sink = memorySink();
  await t.throwsAsync(client(t).blobs(reference, [blob], sink, signal), {code: 'DIGEST_MISMATCH'});
  t.is(sink.blobs.size, 0);
});

test('more bytes than announced are refused at the first one', async (t) => {
  const chunk = Buffer.alloc(1_000_000);
  let sent = 0;
  const host = await serve(t, (_, response) => {
    const more = () => {
      while (!response.destroyed && sent < 500_000_000) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
    };
    more();
  });
  const {reference, blob} = blobOf(host, Buffer.from('x'), 1_000_000);
  await t.throwsAsync(bytesOf(client(t).blob(reference, blob, signal)), {code: 'DIGEST_MISMATCH'});
  t.true(sent < 100_000_000, `${sent} bytes were sent`);
});

test('a manifest without end is not read to its end', async (t) => {
  const chunk = Buffer.alloc(1_000_000, 0x20);
  let sent = 0;
  const host = await serve(t, (_, response) => {
    response.writeHead(200, {'content-type': mediaTypes.ociManifest});
    const more = () => {
      while (!response.destroyed && sent < 500_000_000) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
    };
    more();
  });
  const error = await t.throwsAsync(client(t).resolve(parseReference(`${host}/app`), amd64, signal));
  t.is((error as {code?: string}).code, 'OCI_INVALID');
  t.true(sent < 100_000_000, `${sent} bytes were sent`);
});

test('a manifest whose digest is not the one that was asked for is refused', async (t) => {
  const {manifest} = sampleImage(1);
  const host = await serve(t, (_, response) => {
    response.writeHead(200, {'content-type': mediaTypes.ociManifest}).end(JSON.stringify(manifest));
  });
  const reference = parseReference(`${host}/app@${digestOf('other')}`);
  await t.throwsAsync(client(t).resolve(reference, amd64, signal), {code: 'DIGEST_MISMATCH'});
});

test('indexes within indexes end somewhere', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  let inner = {...(await pushImage(host, 'deep', 'x', sampleImage(1))), mediaType: mediaTypes.ociManifest as string};
  for (let level = 0; level < 6; level++) {
    const index = {schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [{...inner, platform: amd64}]};
    inner = {...(await pushManifest(host, 'deep', 'latest', index)), mediaType: mediaTypes.ociIndex};
  }
  await t.throwsAsync(client(t).resolve(parseReference(`${host}/deep`), amd64, signal), {code: 'OCI_INVALID'});
});

test('a configuration with other than one diff ID a layer is refused', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  await pushImage(host, 'app', 'latest', sampleImage(2, 10, {rootfs: {type: 'layers', diff_ids: []}}));
  await t.throwsAsync(client(t).resolve(parseReference(`${host}/app`), amd64, signal), {code: 'OCI_INVALID'});
});

test('an aborted pull rejects with the reason, at once, and closes its connections', async (t) => {
  let closed = 0;
  let open = 0;
  const controller = new AbortController();
  const reason = new Error('enough');
  const host = await serve(t, (_, response) => {
    response.on('close', () => closed++);
    if (++open === 3) setTimeout(() => controller.abort(reason), 50);
    response.writeHead(200);
    response.write('x');
  });
  const {reference} = blobOf(host, Buffer.alloc(0));
  const blobs = [1, 2, 3].map((n) => ({digest: digestOf(String(n)), size: 10}));
  const error = await t.throwsAsync(client(t).blobs(reference, blobs, memorySink(), controller.signal));
  t.is(error, reason);
  for (let wait = 0; wait < 100 && closed < 3; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(closed, 3);
});
