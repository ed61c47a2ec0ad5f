import {randomBytes} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {basename} from 'node:path';
import {BuildError} from '../base/errors.js';
import {discard} from '../registry/transport.js';
import type {PackageFile, PackageTarget} from './package-targets.js';
import {jsonOf, type PackageServer} from './package-server.js';
import type {LocalPackage, UploadOutcome} from './upload-packages.js';

type AptlyTarget = Extract<PackageTarget, {readonly kind: 'aptly'}>;

/**
 * Adds a package to a local repository of aptly, which is made where it is missing, and publishes that (aptly's REST API:
 * repos, files, publish). Nothing is added where the repository has the same bytes. Rejects with REGISTRY_FAILED where it has
 * other bytes of that version, or aptly refuses.
 */
export async function addToAptly(
  target: AptlyTarget,
  file: LocalPackage,
  server: PackageServer,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  const {api, repository, distribution, component} = target;
  const repo = `${api}/repos/${encodeURIComponent(repository)}`;
  const found = await server.send(
    {method: 'GET', url: repo, accept: [404], what: `the repository ${repository}`},
    signal,
  );
  discard(found);
  if (found.status === 404) {
    const document = {Name: repository, DefaultDistribution: distribution, DefaultComponent: component};
    discard(await server.send({...post(`${api}/repos`, document), what: `the new repository ${repository}`}, signal));
  }
  const known = found.status === 404 ? undefined : await knownDigest(repo, file, server, signal);
  if (known !== undefined && known !== file.sha256) throw otherBytes(file, repository);
  if (known === undefined) await add(api, repo, file, server, progress, signal);
  await publish(target, file, server, signal);
  return known === undefined ? 'uploaded' : 'exists';
}

function post(
  url: string,
  document: unknown,
): {method: 'POST'; url: string; headers: Record<string, string>; body: string} {
  return {method: 'POST', url, headers: {'content-type': 'application/json'}, body: JSON.stringify(document)};
}

export function otherBytes({path, name, version, architecture}: PackageFile, where: string): BuildError {
  const message = `${where} has ${name} ${version} ${architecture} already, with other bytes than ${path}`;
  return new BuildError('REGISTRY_FAILED', message, {
    remedy: 'A version that was delivered does not change: give the package a new one.',
  });
}

/** SHA-256 of the package of this name, version and architecture in the repository. */
async function knownDigest(
  repo: string,
  {name, version, architecture}: PackageFile,
  server: PackageServer,
  signal: AbortSignal,
): Promise<string | undefined> {
  const query = `Name (= ${name}), $Version (= ${version}), $Architecture (= ${architecture})`;
  const url = `${repo}/packages?${new URLSearchParams({q: query, format: 'details'}).toString()}`;
  const found = await jsonOf(await server.send({method: 'GET', url, what: 'the question for the package'}, signal));
  const [first] = Array.isArray(found) ? (found as readonly unknown[]) : [];
  const digest = (first as {SHA256?: unknown} | undefined)?.SHA256;
  return typeof digest === 'string' ? digest.toLowerCase() : undefined;
}

async function add(
  api: string,
  repo: string,
  file: LocalPackage,
  server: PackageServer,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  // A directory of our own: two deliveries at once do not take each other's files.
  const directory = `build-image-${randomBytes(6).toString('hex')}`;
  const what = `the upload of ${basename(file.path)}`;
  const boundary = `----${randomBytes(16).toString('hex')}`;
  const name = basename(file.path).replaceAll(/["\\\r\n]/g, '_');
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  const headers = {
    'content-type': `multipart/form-data; boundary=${boundary}`,
    'content-length': String(head.length + file.size + tail.length),
  };
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield head;
    let sent = 0;
    for await (const chunk of createReadStream(file.absolute) as AsyncIterable<Buffer>) {
      yield chunk;
      progress((sent += chunk.length));
    }
    yield tail;
  }
  const files = `${api}/files/${directory}`;
  try {
    discard(await server.send({method: 'POST', url: files, headers, body, what}, signal));
    const url = `${repo}/file/${directory}`;
    const report = (await jsonOf(await server.send({method: 'POST', url, what: `adding ${name}`}, signal))) as {
      readonly FailedFiles?: unknown;
      readonly Report?: {readonly Warnings?: unknown};
    };
    if (Array.isArray(report.FailedFiles) && report.FailedFiles.length > 0) {
      const warnings = report.Report?.Warnings;
      const said = Array.isArray(warnings) ? warnings.map(String).join('; ') : '';
      throw new BuildError('REGISTRY_FAILED', `aptly does not take ${name}: ${said}`);
    }
  } finally {
    // aptly takes the files that it added away itself; what it refused would lie there for ever.
    const removed = server.send({method: 'DELETE', url: files, accept: [404], what: 'tidying up'}, signal);
    await removed.then(discard, () => undefined);
  }
}

interface Published {
  readonly Prefix?: unknown;
  readonly Storage?: unknown;
  readonly Distribution?: unknown;
}

/** Publishes the repository, or what changed in it. */
async function publish(
  {api, repository, distribution, component, prefix, gpgKey}: AptlyTarget,
  {architecture}: PackageFile,
  server: PackageServer,
  signal: AbortSignal,
): Promise<void> {
  const what = `publishing ${distribution}`;
  const Signing = gpgKey === undefined ? {Skip: true} : {Batch: true, ...(gpgKey !== 'default' && {GpgKey: gpgKey})};
  const listed = await jsonOf(await server.send({method: 'GET', url: `${api}/publish`, what}, signal));
  const all = Array.isArray(listed) ? (listed as readonly Published[]) : [];
  const at = `${api}/publish/${prefixInUrl(prefix)}`;
  const there = all.some((one) => one.Prefix === prefix && one.Distribution === distribution);
  if (there) {
    const update = {...post(`${at}/${encodeURIComponent(distribution)}`, {Signing}), method: 'PUT' as const};
    discard(await server.send({...update, what}, signal));
    return;
  }
  const hosts: Readonly<Record<string, string>> = {x64: 'amd64', arm64: 'arm64', ia32: 'i386', arm: 'armhf'};
  const host = hosts[process.arch] ?? process.arch;
  const document = {
    SourceKind: 'local',
    Sources: [{Name: repository, Component: component}],
    Distribution: distribution,
    // Of packages for all architectures alone aptly cannot tell whom they are for.
    Architectures: [...new Set([architecture === 'all' ? host : architecture, host])],
    Signing,
  };
  discard(await server.send({...post(at, document), what}, signal));
}

/** aptly's way to write a prefix as one part of a path: `.` is `:.`, `_` is `__`, `/` is `_`. */
function prefixInUrl(prefix: string): string {
  if (prefix === '.' || prefix === '') return ':.';
  return encodeURIComponent(prefix.replaceAll('_', '__').replaceAll('/', '_'));
}
