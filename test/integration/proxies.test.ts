import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {makeDeb} from '../artifacts/make-deb.js';
import {checkout} from '../helpers/delivery.js';
import {forwardProxy} from '../helpers/forward-proxy.js';
import {hasRegistry, serve, startRegistry} from '../helpers/registry.js';
import {available} from '../helpers/requirement.js';
import {missingForRoot} from '../helpers/step-executor.js';

// Names that only the proxy knows.
const registry = 'registry.proxied.test:5000';
const files = 'files.proxied.test';

test('a registry is pushed to and pulled from, packages are uploaded and a file is added through a proxy', async (t) => {
  if (!hasRegistry(t) || !available(t, missingForRoot === undefined, missingForRoot ?? '')) return;
  const stored = new Map<string, number>();
  const server = await serve(t, (request, response) => {
    const {method, url = ''} = request;
    if (method === 'GET') {
      if (url === '/added') response.end('added\n');
      else response.writeHead(404).end();
      return;
    }
    let size = 0;
    request.on('data', (chunk: Buffer) => (size += chunk.length));
    request.on('end', () => {
      stored.set(url, size);
      response.writeHead(201).end();
    });
  });
  const proxy = await forwardProxy(t, {[registry]: await startRegistry(t), [files]: server});
  const work = checkout(t, 1000);
  const artifacts = join(work.directory, 'artifacts');
  mkdirSync(artifacts);
  const deb = readFileSync(makeDeb(join(work.directory, 'made'), 'portal_1.0_all.deb'));
  writeFileSync(join(artifacts, 'portal_1.0_all.deb'), deb);
  const environment = {
    http_proxy: proxy.url,
    HTTPS_PROXY: proxy.url,
    BUILD_IMAGE_INSECURE_REGISTRIES: registry,
    APT_DEB_REPO: `http://${files}/pool/{file}`,
  };
  const build = ['build', '--driver', 'embedded', '--no-artifacts', '--progress', 'plain'];
  const delivered = await work.cli([...build, '-t', 'team/app:1', '.'], environment);
  t.is(delivered.status, 0, delivered.stderr);
  const deliver = ['deliver', '--driver', 'embedded', '--image', 'team/app:1', '--registry', registry];
  const sent = await work.cli(deliver, environment);
  t.is(sent.status, 0, sent.stderr);
  t.true(proxy.requests.includes(`PUT http://${registry}/v2/app/manifests/latest`), proxy.requests.join('\n'));
  t.true(proxy.requests.includes(`CONNECT ${registry}`), 'TLS is tried first, in a tunnel');
  t.is(stored.get('/pool/portal_1.0_all.deb'), deb.length);

  const dockerfile = `FROM ${registry}/app:latest\nADD http://${files}/added /added\n`;
  writeFileSync(join(work.directory, 'Dockerfile'), dockerfile);
  const pulled = await work.cli([...build, '--pull', '.'], environment);
  t.is(pulled.status, 0, pulled.stderr);
  t.true(proxy.requests.includes(`GET http://${registry}/v2/app/manifests/latest`), proxy.requests.join('\n'));
  t.true(proxy.requests.includes(`GET http://${files}/added`));

  const excluded = await work.cli([...build, '--no-cache', '.'], {...environment, no_proxy: '.proxied.test'});
  t.is(excluded.status, 1);
  t.regex(excluded.stderr, /cannot fetch "http:\/\/files\.proxied\.test\/added"/);
});
