import {pipeline} from 'node:stream/promises';
import type {Header} from 'tar-stream';
import {BuildError, messageOf} from './errors.js';

export interface TarEntry {
  readonly header: Header;
  /** Bytes of the entry, to be read before the next entry is asked for; what is not read is skipped. */
  readonly content: () => AsyncIterable<Uint8Array>;
}

/**
 * Entries of a tar stream in order, with bounded memory. Stopping early closes the source. Throws BuildError
 * ARCHIVE_INVALID for a damaged archive, the source's own error, or the signal's reason.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<TarEntry> {
  signal.throwIfAborted();
  const {extract} = await import('tar-stream');
  // The types leave out that v7 archives are read only when asked for.
  const reader = extract({allowUnknownFormat: true} as object);
  let failure: {readonly error: unknown} | undefined;
  // An error of the source is told apart from one of the archive.
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      failure ??= {error};
      throw error;
    }
  };
  const pumped = pipeline(watched(), reader as unknown as NodeJS.WritableStream, {signal}).catch((error: unknown) => {
    reader.destroy(error instanceof Error ? error : new Error(messageOf(error)));
  });
  try {
    for await (const entry of reader) {
      yield {header: entry.header, content: () => entry as AsyncIterable<Uint8Array>};
      entry.resume();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (failure !== undefined) throw failure.error;
    throw new BuildError('ARCHIVE_INVALID', `the tar archive is damaged: ${messageOf(error)}`, {cause: error});
  } finally {
    reader.destroy();
    await pumped;
  }
}
