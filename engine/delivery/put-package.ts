import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {BuildError} from '../base/errors.js';
import {discard} from '../registry/transport.js';
import {otherBytes} from './aptly.js';
import {orLost, type PackageServer} from './package-server.js';
import type {LocalPackage, UploadOutcome} from './upload-packages.js';

/**
 * Sends a package to `url` with one request, unless the same bytes are there. Rejects with REGISTRY_FAILED where other bytes
 * are there, or the server refuses.
 */
export async function putPackage(
  method: 'PUT' | 'POST',
  url: string,
  file: LocalPackage,
  server: PackageServer,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  const place = method === 'PUT' ? placeOf(url, file) : undefined;
  const {host} = new URL(url);
  const known = place === undefined ? undefined : await digestAt(place, server, signal);
  if (known === file.sha256) return 'exists';
  if (known !== undefined) throw otherBytes(file, host);
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    let sent = 0;
    for await (const chunk of createReadStream(file.absolute) as AsyncIterable<Buffer>) {
      yield chunk;
      progress((sent += chunk.length));
    }
  }
  const headers = {
    'content-type': method === 'POST' ? 'multipart/form-data' : 'application/vnd.debian.binary-package',
    'content-length': String(file.size),
    'x-checksum-sha256': file.sha256,
  };
  const what = `the upload of ${file.path}`;
  try {
    const response = await server.send({method, url, headers, body, accept: [409], what}, signal);
    discard(response);
    if (response.status !== 409) return 'uploaded';
  } catch (error) {
    throw (await aptlyInstead(url, error, server, signal)) ?? error;
  }
  // It is there, and its address is not the one that it was sent to.
  throw new BuildError('REGISTRY_FAILED', `${host} has ${file.name} ${file.version} ${file.architecture} already`, {
    remedy: 'Whether with the same bytes it does not tell. A version that was delivered does not change.',
  });
}

/** Where the package can be read; undefined where that is not known. */
function placeOf(url: string, {name, version, architecture}: LocalPackage): string | undefined {
  // Gitea
  const upload = /^(.*\/api\/packages\/[^/]+\/debian\/pool\/[^/]+\/[^/]+)\/upload$/.exec(url)?.[1];
  if (upload !== undefined) return `${upload}/${encodeURIComponent(`${name}_${version}_${architecture}.deb`)}`;
  // Matrix parameters and a query belong to the upload.
  return url.replace(/[;?].*$/, '');
}

/** SHA-256 of what is at an address; undefined where there is nothing, or reading is not for us. */
async function digestAt(url: string, server: PackageServer, signal: AbortSignal): Promise<string | undefined> {
  const nothing = [400, 401, 403, 404, 405, 410, 501];
  const response = await server.send(
    {method: 'GET', url, accept: nothing, what: 'the question for the package'},
    signal,
  );
  if (response.status !== 200) {
    discard(response);
    return undefined;
  }
  return orLost(digestOf(response.body), response);
}

async function digestOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex');
}

/** What is no place for files may be the address of aptly itself. */
async function aptlyInstead(
  url: string,
  error: unknown,
  server: PackageServer,
  signal: AbortSignal,
): Promise<BuildError | undefined> {
  if (!(error instanceof BuildError) || error.code !== 'REGISTRY_FAILED') return undefined;
  const {origin} = new URL(url);
  try {
    discard(await server.send({method: 'GET', url: `${origin}/api/version`, what: 'the question for aptly'}, signal));
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return new BuildError('REGISTRY_FAILED', `${origin} is aptly, and takes no files at that address`, {
    remedy: `Name the local repository: ${origin}/api/repos/NAME.`,
    cause: error,
  });
}
