import {PassThrough, type Readable} from 'node:stream';
import {BuildError, messageOf} from '../../../base/errors.js';
import type {EventSink} from '../../../progress/events.js';
import type {Output} from '../../driver.js';
import {type WriteOut, writeToStream} from './destination.js';
import {isStreamed} from './write-output.js';

/** Takes a docker archive into a daemon. Rejects where the daemon refuses it. */
export type LoadInto = (archive: Readable, signal: AbortSignal) => Promise<void>;

/** Finds the daemon. Rejects with DAEMON_UNREACHABLE where none answers. */
export type OpenLoad = (signal: AbortSignal) => Promise<LoadInto>;

/** `type=docker` without a destination: the daemon's own store, as with `docker buildx build --load`. */
export const isLoaded = ({type, dest, attributes}: Output): boolean =>
  type === 'docker' && dest === undefined && attributes['tar'] !== 'false';

/**
 * Runs `build` with what takes its streamed output: the daemon where one of the outputs is for it, else `stdout`. The daemon
 * is looked for before the first step. Rejects as `build` and `open` do, with USAGE, DAEMON_FAILED.
 */
export async function withLoad<T>(
  outputs: readonly Output[],
  stdout: WriteOut,
  open: OpenLoad | undefined,
  events: EventSink,
  signal: AbortSignal,
  build: (write: WriteOut) => Promise<T>,
): Promise<T> {
  if (!outputs.some(isLoaded)) return build(stdout);
  if (outputs.filter(isStreamed).length > 1) {
    throw new BuildError('USAGE', 'one build cannot load its image and write another output to standard output', {
      remedy: 'Give the other output a dest=PATH.',
    });
  }
  if (open === undefined) throw new BuildError('UNSUPPORTED', 'there is no daemon here that takes the image');
  const load = await open(signal);
  const archive = new PassThrough();
  let loading: Promise<void> | undefined;
  // Not before there is something to load: a build may take longer than a daemon waits.
  const write = async (bytes: Uint8Array): Promise<void> => {
    loading ??= shown(load, archive, events, signal);
    const written = writeToStream(archive, bytes);
    // Where the daemon refuses what comes, its answer is the error to tell.
    await Promise.race([written, loading.then(() => written)]);
  };
  try {
    const result = await build(write);
    archive.end();
    await loading;
    return result;
  } catch (error) {
    archive.destroy();
    throw error;
  } finally {
    await loading?.catch(() => undefined);
  }
}

async function shown(load: LoadInto, archive: Readable, events: EventSink, signal: AbortSignal): Promise<void> {
  const step = 'load into the daemon';
  events.emit({type: 'step-started', step, name: `[internal] ${step}`});
  const started = performance.now();
  let error: string | undefined;
  try {
    await load(archive, signal);
  } catch (thrown) {
    error = messageOf(thrown);
    throw thrown;
  } finally {
    const seconds = (performance.now() - started) / 1000;
    events.emit({type: 'step-done', step, seconds, ...(error !== undefined && {error})});
  }
}
