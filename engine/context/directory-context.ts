import type {BuildContext, ContextEntry} from './context.js';
import {rawOf} from './disk-entry.js';
import {fileStream} from './file-stream.js';
import {fillPlaces} from './helpers/jobs.js';
import type {IgnoreRules} from './ignore/ignore.js';
import {realRoot} from './open-in-place.js';
import {failed} from './unreadable.js';
import {walkDirectory, type IgnoredPath} from './walk.js';

/** A directory with its rules, as `openContext` makes it. */
export interface DirectoryContext extends BuildContext {
  readonly rules: IgnoreRules;
  /**
   * Content of a regular file at once, synchronously: for small files, of which a stream takes four waits each. Throws as the stream
   * of `open` fails.
   */
  readNow(entry: ContextEntry): Uint8Array;
  /** As `walk`, in batches; also tells what is not sent. */
  batches(signal: AbortSignal, onIgnored?: (ignored: IgnoredPath) => void): AsyncIterable<readonly ContextEntry[]>;
}

/** Whether a context can tell what it does not send. */
export const isBatched = (context: BuildContext): context is DirectoryContext => 'batches' in context;

/** The walk in batches: an asynchronous iteration for each entry costs as much as a system call. */
export async function* batchesOf(context: BuildContext, signal: AbortSignal): AsyncGenerator<readonly ContextEntry[]> {
  if (isBatched(context)) yield* context.batches(signal);
  else for await (const entry of context.walk(signal)) yield [entry];
}

export interface DirectoryContextParts {
  readonly name: string;
  /** Absolute. */
  readonly root: string;
  readonly rules: IgnoreRules;
  readonly ignoreFile: string | undefined;
  readonly dispose?: () => Promise<void>;
}

export function directoryContext(parts: DirectoryContextParts): DirectoryContext {
  const {name, root, rules, ignoreFile} = parts;
  const bytes = realRoot(root);
  let closing: Promise<void> | undefined;
  const batches = (signal: AbortSignal, onIgnored?: (ignored: IgnoredPath) => void) =>
    walkDirectory(bytes, {rules, ...(onIgnored !== undefined && {onIgnored})}, signal);
  return {
    name,
    root,
    rules,
    ignoreFile,
    ignorePatterns: rules.patterns,
    batches,
    async *walk(signal) {
      for await (const batch of batches(signal)) yield* batch;
    },
    open: (entry) => fileStream(`${bytes}/${entry.rawPath.toString('latin1')}`, entry),
    readNow(entry) {
      const buffer = new ArrayBuffer(entry.size + 1);
      const places = Float64Array.of(0, entry.size);
      const {failure} = fillPlaces({kind: 'fill', root: bytes, paths: rawOf(entry), places, buffer});
      if (failure !== undefined) throw failed(entry.path, failure);
      return new Uint8Array(buffer, 0, entry.size);
    },
    close: () => (closing ??= parts.dispose?.() ?? Promise.resolve()),
  };
}
