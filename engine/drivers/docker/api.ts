import {BuildError} from '../../base/errors.js';
import {bodyOf, type Daemon} from './daemon.js';

// The answer to an inspection has some kilobytes.
const mostJson = 16 * 1024 * 1024;
const ended = [200, 201, 204];

/** What is used of `GET /images/{name}/json`. */
export interface InspectedImage {
  readonly Id?: string;
  readonly Architecture: string;
  readonly Os: string;
  /** Bytes of the files of its layers. */
  readonly Size?: number;
  /** Null or absent where a daemon has none. */
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
  readonly Config?: object | null;
  readonly RootFS?: {readonly Layers?: readonly string[] | null};
}

/** HTTP status of an error that the daemon, or a client of it, made of the daemon's answer. */
export function statusOf(error: unknown): number | undefined {
  const direct = (error as {statusCode?: unknown} | null)?.statusCode;
  const status = direct ?? (error instanceof BuildError ? statusOf(error.cause) : undefined);
  return typeof status === 'number' ? status : undefined;
}

/** Path of one image in the API, under the name or ID given. */
export function imagePath(name: string): string {
  // The slashes of a name are part of the path to the daemon, and every other character of its own is allowed there.
  return `/images/${name.split('/').map(encodeURIComponent).join('/')}`;
}

/** Rejects with DAEMON_FAILED, whose `statusOf` is 404 where there is no such image. */
export async function inspectImage(daemon: Daemon, name: string, signal: AbortSignal): Promise<InspectedImage> {
  return (await callJson(daemon, 'GET', `${imagePath(name)}/json`, signal)) as InspectedImage;
}

/**
 * One small request, and what the answer's JSON says; undefined for an answer without a body. Without dockerode, whose
 * loading takes as long as all such requests of a build together. Rejects with DAEMON_FAILED, DAEMON_LOST.
 */
export async function callJson(
  daemon: Daemon,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  signal: AbortSignal,
  message?: object,
): Promise<unknown> {
  const body = message === undefined ? undefined : Buffer.from(JSON.stringify(message));
  const headers = {'Content-Type': 'application/json', 'Content-Length': String(body?.length ?? 0)};
  const call = {method, path, accept: ended, ...(body !== undefined && {headers, body: once(body)})};
  const response = await daemon.request(call, signal);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bodyOf(daemon, response, signal)) {
    size += chunk.length;
    if (size > mostJson) throw new BuildError('DAEMON_FAILED', `the daemon's answer to ${path} is too large`);
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as unknown;
  } catch (error) {
    throw new BuildError('DAEMON_FAILED', `the daemon's answer to ${path} is not JSON`, {cause: error});
  }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(body);
}
