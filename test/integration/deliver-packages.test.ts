import {execFile} from 'node:child_process';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {makeDeb} from '../artifacts/make-deb.js';
import {startAptly} from '../helpers/aptly.js';
import {checkout} from '../helpers/delivery.js';
import {serve} from '../helpers/registry.js';
import {asRoot} from '../helpers/root.js';
import {temporaryDirectory} from '../helpers/temporary.js';

const run = promisify(execFile);

const control = (version: string): string =>
  `Package: portal\nVersion: ${version}\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: web service\n`;

function packageIn(directory: string, version: string, content = 'hello\n'): void {
  const artifacts = join(directory, 'artifacts');
  mkdirSync(artifacts, {recursive: true});
  const elsewhere = join(directory, 'made');
  const path = makeDeb(elsewhere, `portal_${version}_all.deb`, 'gzip', control(version), {
    'usr/share/portal/x': content,
  });
  writeFileSync(join(artifacts, `portal_${version}_all.deb`), readFileSync(path));
}

interface Answer {
  readonly packages: readonly {readonly file: string; readonly target: string; readonly outcome: string | null}[];
}
const outcomes = (text: string) => (JSON.parse(text) as Answer).packages.map(({outcome}) => outcome);

asRoot('packages go to aptly, and apt installs what was delivered', async (t) => {
  const aptly = await startAptly(t);
  if (aptly === undefined) return;
  const work = checkout(t, 10);
  const environment = {APT_DEB_REPO: `${aptly.api}/repos/portal`, APT_DISTRIBUTION: 'bookworm'};
  packageIn(work.directory, '1.0');
  const deliver = async () => work.cli(['deliver', '--json'], environment);
  const first = await deliver();
  t.is(first.status, 0, first.stderr);
  t.deepEqual(outcomes(first.stdout), ['uploaded']);
  t.deepEqual(outcomes((await deliver()).stdout), ['exists']);
  packageIn(work.directory, '1.1');
  t.deepEqual(outcomes((await deliver()).stdout), ['exists', 'uploaded']);
  // Another content of the same version
  packageIn(work.directory, '1.1', 'other\n');
  const other = await deliver();
  t.is(other.status, 1);
  t.deepEqual(outcomes(other.stdout), ['exists', null]);
  t.regex(other.stderr, /portal has portal 1\.1 all already, with other bytes than artifacts\/portal_1\.1_all\.deb/);
  await installs(t, aptly.published);
});

/** apt with a root of its own, and this repository as its only source, takes the newest version; dpkg unpacks it. */
async function installs(t: ExecutionContext, published: string): Promise<void> {
  const root = temporaryDirectory(t);
  for (const path of [
    'etc/apt/apt.conf.d',
    'etc/apt/preferences.d',
    'var/lib/dpkg/info',
    'var/lib/dpkg/updates',
    'var/lib/apt/lists/partial',
    'var/cache/apt/archives/partial',
    'var/log/apt',
    'tmp',
  ]) {
    mkdirSync(join(root, path), {recursive: true});
  }
  writeFileSync(join(root, 'var/lib/dpkg/status'), '');
  writeFileSync(join(root, 'etc/apt/sources.list'), `deb [trusted=yes] file:${published} bookworm main\n`);
  const options = [
    `Dir=${root}`,
    `Dir::State::status=${root}/var/lib/dpkg/status`,
    'APT::Architecture=amd64',
    'APT::Sandbox::User=root',
    `DPkg::Options::=--root=${root}`,
    'DPkg::Options::=--force-not-root',
    'DPkg::Options::=--force-script-chrootless',
    'Dir::Bin::dpkg=/usr/bin/dpkg',
  ];
  const apt = (...args: readonly string[]) => run('apt-get', [...options.flatMap((option) => ['-o', option]), ...args]);
  await apt('update');
  await apt('install', '--yes', 'portal');
  t.is(readFileSync(join(root, 'usr/share/portal/x'), 'utf8'), 'hello\n');
  t.regex(
    readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8'),
    /Package: portal\nStatus: install ok installed\n[^]*Version: 1\.1\n/,
  );
}

interface FileServer {
  readonly host: string;
  readonly files: Map<string, Buffer>;
  readonly authorizations: Set<string>;
  /** Answers to give before it works. */
  readonly faults: (readonly [number, Record<string, string>])[];
}

/** A server that keeps what is PUT. */
async function fileServer(t: ExecutionContext): Promise<FileServer> {
  const files = new Map<string, Buffer>();
  const authorizations = new Set<string>();
  const faults: (readonly [number, Record<string, string>])[] = [];
  const host = await serve(t, (request, response) => {
    const chunks: Buffer[] = [];
    authorizations.add(request.headers.authorization ?? '');
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = (request.url ?? '').replace(/[;?].*$/, '');
      const fault = request.method === 'PUT' ? faults.shift() : undefined;
      if (fault !== undefined) response.writeHead(fault[0], fault[1]).end('busy');
      else if (request.method === 'PUT') {
        files.set(path, Buffer.concat(chunks));
        response.writeHead(201).end();
      } else {
        const found = files.get(path);
        response.writeHead(found === undefined ? 404 : 200).end(found);
      }
    });
  });
  return {host, files, authorizations, faults};
}

test('packages go by PUT to the place that a template names, with their own credentials', async (t) => {
  const server = await fileServer(t);
  server.faults.push([503, {'retry-after': '0'}], [500, {}]);
  const work = checkout(t, 10);
  packageIn(work.directory, '1.0');
  const environment = {
    APT_DEB_REPO: `http://${server.host}/{distribution}/pool/{name}/{file};deb.distribution={distribution}`,
    APT_DISTRIBUTION: 'bookworm',
    APT_DEB_USERNAME: 'robot',
    APT_DEB_API_KEY: 'a-secret-key',
  };
  const first = await work.cli(['deliver', '--json'], environment);
  t.is(first.status, 0, first.stderr);
  t.deepEqual(outcomes(first.stdout), ['uploaded']);
  const path = '/bookworm/pool/portal/portal_1.0_all.deb';
  t.deepEqual(server.files.get(path), readFileSync(join(work.directory, 'artifacts/portal_1.0_all.deb')));
  t.deepEqual([...server.authorizations], [`Basic ${Buffer.from('robot:a-secret-key').toString('base64')}`]);
  t.deepEqual(outcomes((await work.cli(['deliver', '--json'], environment)).stdout), ['exists']);
  packageIn(work.directory, '1.0', 'other\n');
  const other = await work.cli(['deliver', '--json'], environment);
  t.is(other.status, 1);
  t.regex(other.stderr, /has portal 1\.0 all already, with other bytes/);
  t.notRegex(first.stderr + other.stderr + first.stdout, /a-secret-key/);
});

test('a repository that refuses is told with what it says, and without the key', async (t) => {
  const server = await serve(t, (request, response) => {
    request.resume();
    response.writeHead(403).end(`no: ${request.headers.authorization ?? ''}`);
  });
  const work = checkout(t, 10);
  packageIn(work.directory, '1.0');
  const environment = {APT_DEB_REPO: `http://${server}/x`, APT_USERNAME: 'robot', APT_API_KEY: 'a-secret-key'};
  const run = await work.cli(['deliver'], environment);
  t.is(run.status, 1);
  t.regex(run.stderr, /APT: .* with status 403/);
  t.notRegex(run.stderr, /a-secret-key/);
  t.false(run.stderr.includes(Buffer.from('robot:a-secret-key').toString('base64')));
});
