import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {basename, resolve} from 'node:path';
import {BuildError, messageOf} from '../base/errors.js';
import type {EventSink} from '../progress/events.js';
import {createTransport} from '../registry/transport.js';
import {addToAptly} from './aptly.js';
import type {PackageFile} from './package-targets.js';
import {packageServer} from './package-server.js';
import type {PackageDelivery} from './plan-delivery.js';
import {putPackage} from './put-package.js';

export type UploadOutcome = 'uploaded' | 'exists';

/** A package with what its bytes are. */
export interface LocalPackage extends PackageFile {
  readonly absolute: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  readonly size: number;
}

export interface UploadResult {
  readonly delivery: PackageDelivery;
  /** Undefined where it failed. */
  readonly outcome: UploadOutcome | undefined;
  readonly failure: BuildError | undefined;
}

/**
 * Uploads every package, one after another: servers publish under a lock. What fails is in its result, and the others are
 * served. Rejects with the signal's reason.
 */
export async function uploadPackages(
  deliveries: readonly PackageDelivery[],
  directory: string,
  events: EventSink,
  signal: AbortSignal,
): Promise<readonly UploadResult[]> {
  const transport = createTransport();
  const results: UploadResult[] = [];
  try {
    for (const delivery of deliveries) {
      const {target, file} = delivery;
      const step = `upload ${target.name} ${file.path}`;
      const started = performance.now();
      events.emit({type: 'step-started', step, name: `uploading ${basename(file.path)} to ${target.name}`});
      const done = (error?: string): void => {
        const seconds = (performance.now() - started) / 1000;
        events.emit({type: 'step-done', step, seconds, ...(error !== undefined && {error})});
      };
      try {
        const local = await measured(file, directory, signal);
        const tell = (current: number): void =>
          events.emit({type: 'step-progress', step, label: basename(file.path), current, total: local.size});
        const server = packageServer(transport, target.credentials);
        const outcome =
          target.kind === 'aptly'
            ? await addToAptly(target, local, server, tell, signal)
            : await putPackage(target.method, delivery.url, local, server, tell, signal);
        results.push({delivery, outcome, failure: undefined});
        done();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof BuildError)) throw error;
        const failure = new BuildError(error.code, `${target.name}: ${error.message}`, error.details);
        results.push({delivery, outcome: undefined, failure});
        done(error.message);
      }
    }
    return results;
  } finally {
    await transport.close();
  }
}

async function measured(file: PackageFile, directory: string, signal: AbortSignal): Promise<LocalPackage> {
  const absolute = resolve(directory, file.path);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(absolute, {signal}) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw new BuildError('IO', `cannot read ${file.path}: ${messageOf(error)}`, {
      remedy: 'Build again, or name the packages that are there with --package.',
      cause: error,
    });
  }
  return {...file, absolute, sha256: hash.digest('hex'), size};
}
