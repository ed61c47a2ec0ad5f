import {stat} from 'node:fs/promises';
import {BuildError, hasErrno, quote} from '../base/errors.js';
import type {SecretSource} from '../drivers/driver.js';

/** As BuildKit has it. Bytes. */
const mostBytes = 500 * 1024;

/**
 * The secrets with what comes through a pipe, as `src=<(command)`, read: that can be done once, and more than one step may ask for
 * it. A file is read when a step asks. Rejects with SECRET_NOT_FOUND for a device or a directory, and for more than 500 KiB.
 */
export async function openSecrets(
  sources: ReadonlyMap<string, SecretSource>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SecretSource>> {
  const opened = new Map<string, SecretSource>();
  for (const [id, source] of sources) {
    opened.set(id, source.kind === 'file' ? await openFile(id, source, signal) : source);
  }
  return opened;
}

async function openFile(id: string, source: SecretSource & {kind: 'file'}, signal: AbortSignal): Promise<SecretSource> {
  const {path} = source;
  const found = await stat(path).catch((error: unknown) => {
    // A step that asks for it says so; one that needs none of it does not mind.
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined;
    throw error;
  });
  if (found === undefined) return source;
  if (found.isFIFO()) return {kind: 'value', value: await readPipe(id, path, signal)};
  if (path === '/dev/null') return {kind: 'value', value: new Uint8Array()};
  if (!found.isFile()) throw refused(id, path, 'is neither a file nor a pipe');
  if (found.size > mostBytes) throw tooLarge(id, path);
  return source;
}

async function readPipe(id: string, path: string, signal: AbortSignal): Promise<Uint8Array> {
  const {inputStream} = await import('../base/input-stream.js');
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of (inputStream(path, signal) ?? []) as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > mostBytes) throw tooLarge(id, path);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const tooLarge = (id: string, path: string): BuildError =>
  refused(id, path, `has more than the ${mostBytes / 1024} KiB that a secret may have`);

const refused = (id: string, path: string, why: string): BuildError =>
  new BuildError('SECRET_NOT_FOUND', `the source of secret ${quote(id)}, ${path}, ${why}`, {
    remedy: `Check the src of --secret id=${id}.`,
  });
