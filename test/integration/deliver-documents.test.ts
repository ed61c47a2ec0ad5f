import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeDeb} from '../artifacts/make-deb.js';
import {git} from '../delivery/repositories.js';
import {checkout} from '../helpers/delivery.js';
import {hasRegistry, serve, startRegistry} from '../helpers/registry.js';
import {asRoot} from '../helpers/root.js';

const status = `Package: portal
Status: install ok installed
Maintainer: Portal Team <portal@example.org>
Architecture: all
Version: 1.0+git~1
Description: a
 b

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 2

Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
`;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: {readonly os: string};
}
interface Statement {
  readonly predicateType: string;
  readonly subject: readonly {readonly name: string; readonly digest: {readonly sha256: string}}[];
  readonly predicate: Record<string, unknown>;
}

asRoot('an image goes with its provenance and its packages, and no secret is in them', async (t) => {
  if (!hasRegistry(t)) return;
  const host = await startRegistry(t);
  const work = checkout(t, 1000);
  git(work.directory, 'remote', 'add', 'origin', 'git@git.example.org:team/app.git');
  const secret = 'secret-value-of-the-token';
  writeFileSync(
    join(work.directory, 'Dockerfile'),
    'FROM scratch\nARG API_TOKEN\nARG VERSION\nARG WHERE\nLABEL v=$VERSION\nCOPY status /var/lib/dpkg/status\nCOPY os-release /usr/lib/os-release\n',
  );
  writeFileSync(join(work.directory, 'status'), status);
  writeFileSync(join(work.directory, 'os-release'), 'ID=debian\nVERSION_CODENAME=bookworm\n');
  mkdirSync(join(work.directory, 'artifacts'));
  makeDeb(join(work.directory, 'made'), 'portal_1.0_all.deb');
  writeFileSync(
    join(work.directory, 'artifacts/portal_1.0_all.deb'),
    readFileSync(join(work.directory, 'made/portal_1.0_all.deb')),
  );
  const build = ['build', '--driver', 'embedded', '-t', 'team/app:1', '--deliver', '--registry', host, '--json'];
  const args = [`API_TOKEN=${secret}`, 'VERSION=1.2', `WHERE=https://user:${secret}@example.org/x`].flatMap((arg) => [
    '--build-arg',
    arg,
  ]);
  const run = await work.cli([...build, ...args, '.']);
  t.is(run.status, 0, run.stderr);
  t.notRegex(run.stdout + run.stderr, new RegExp(secret));

  const get = async (path: string): Promise<unknown> => {
    const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json';
    const text = await (await fetch(`http://${host}/v2/app${path}`, {headers: {accept}})).text();
    t.notRegex(text, new RegExp(secret));
    return JSON.parse(text);
  };
  const index = (await get('/manifests/latest')) as {
    manifests: readonly Descriptor[];
    annotations: Record<string, string>;
  };
  const [image, attestation] = index.manifests;
  t.is(index.annotations['org.opencontainers.image.source'], 'https://git.example.org/team/app');
  t.is(index.annotations['org.opencontainers.image.created'], '2024-05-06T07:08:09Z');
  t.deepEqual(attestation?.annotations, {
    'vnd.docker.reference.digest': image?.digest ?? '',
    'vnd.docker.reference.type': 'attestation-manifest',
  });
  t.is(attestation?.platform?.os, 'unknown');
  const manifest = (await get(`/manifests/${attestation?.digest ?? ''}`)) as {
    layers: readonly Descriptor[];
    subject: Descriptor;
  };
  t.is(manifest.subject.digest, image?.digest ?? '');
  const statements = (await Promise.all(
    manifest.layers.map(({digest}) => get(`/blobs/${digest}`)),
  )) as readonly Statement[];
  t.deepEqual(
    manifest.layers.map(({annotations}) => annotations?.['in-toto.io/predicate-type']),
    statements.map(({predicateType}) => predicateType),
  );
  const [sbom, provenance] = statements;
  t.is(`sha256:${provenance?.subject[0]?.digest.sha256 ?? ''}`, image?.digest ?? '');
  const definition = provenance?.predicate['buildDefinition'] as {
    externalParameters: {configSource: Record<string, unknown>; request: {args: unknown}};
  };
  t.deepEqual(definition.externalParameters.request.args, {API_TOKEN: '***', VERSION: '1.2', WHERE: '***'});
  t.deepEqual(definition.externalParameters.configSource, {
    uri: 'git+https://git.example.org/team/app@refs/heads/develop',
    digest: {gitCommit: git(work.directory, 'rev-parse', 'HEAD')},
    path: 'Dockerfile',
  });
  const {packages} = sbom?.predicate as {
    packages: readonly {name: string; versionInfo: string; externalRefs?: readonly {referenceLocator: string}[]}[];
  };
  t.deepEqual(
    packages
      .slice(1)
      .map(({name, versionInfo, externalRefs}) => [name, versionInfo, externalRefs?.[0]?.referenceLocator]),
    [
      ['libc6', '2.36-9', 'pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=bookworm'],
      ['portal', '1.0+git~1', 'pkg:deb/debian/portal@1.0%2Bgit~1?arch=all&distro=bookworm'],
    ],
  );

  // Delivered later, by a run of its own: what it writes beside the package keeps the next build cached.
  const later = await work.cli([
    'deliver',
    '--driver',
    'embedded',
    '--image',
    'team/app:1',
    '--registry',
    host,
    '--json',
  ]);
  t.is(later.status, 0, later.stderr);
  const beside = (kind: string) =>
    readFileSync(join(work.directory, `artifacts/portal_1.0_all.deb.${kind}.json`), 'utf8');
  t.is((JSON.parse(beside('provenance')) as Statement).subject[0]?.name, 'portal_1.0_all.deb');
  t.is((JSON.parse(beside('spdx')) as {spdxVersion: string}).spdxVersion, 'SPDX-2.3');

  const bare = await work.cli([
    'deliver',
    '--driver',
    'embedded',
    '--image',
    'team/app:1',
    '--registry',
    `${host}/bare`,
    '--no-provenance',
    '--sbom=false',
    '--json',
  ]);
  t.is(bare.status, 0, bare.stderr);
  const {registries} = JSON.parse(bare.stdout) as {registries: readonly {digest: string}[]};
  t.is(registries[0]?.digest, image?.digest ?? '');
});

asRoot('packages that are delivered without an image have their documents beside them too', async (t) => {
  const work = checkout(t, 1000);
  const artifacts = join(work.directory, 'artifacts');
  const server = await serve(t, (request, response) => {
    request.resume().on('end', () => response.writeHead(request.method === 'GET' ? 404 : 201).end());
  });
  const environment = {APT_DEB_REPO: `http://${server}/pool/{file}`, DOCKER_TAGS: ''};
  mkdirSync(artifacts);
  const deb = makeDeb(join(work.directory, 'made'), 'portal_1.0_all.deb');
  writeFileSync(join(artifacts, 'portal_1.0_all.deb'), readFileSync(deb));
  writeFileSync(join(work.directory, 'Dockerfile'), 'FROM scratch\nCOPY status /var/lib/dpkg/status\n');
  writeFileSync(join(work.directory, 'status'), status);
  const documents = () => readdirSync(artifacts).filter((name) => name.endsWith('.json'));

  // Of an image that nobody built here only the provenance is known.
  const alone = await work.cli(['deliver', '--driver', 'embedded', '--image', 'team/app:1'], environment);
  t.is(alone.status, 0, alone.stderr);
  t.deepEqual(documents(), ['portal_1.0_all.deb.provenance.json']);
  const text = readFileSync(join(artifacts, documents()[0] ?? ''), 'utf8');
  const {subject, predicate} = JSON.parse(text) as Statement;
  t.is(subject[0]?.name, 'portal_1.0_all.deb');
  t.like(predicate, {buildDefinition: {externalParameters: {configSource: {path: 'Dockerfile'}}}});

  const build = ['build', '--driver', 'embedded', '--no-artifacts', '-t', 'team/app:1', '.'];
  t.is((await work.cli(build, environment)).status, 0);
  const beside = await work.cli(['deliver', '--driver', 'embedded', '--image', 'team/app:1'], environment);
  t.is(beside.status, 0, beside.stderr);
  t.deepEqual(documents(), ['portal_1.0_all.deb.provenance.json', 'portal_1.0_all.deb.spdx.json']);
});
