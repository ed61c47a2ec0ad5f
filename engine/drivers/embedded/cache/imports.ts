import {BuildError} from '../../../base/errors.js';
import type {Platform} from '../../../oci/platform.js';
import type {EventSink} from '../../../progress/events.js';
import type {RegistryClient} from '../../../registry/client.js';
import type {CacheSpec} from '../../driver.js';
import {cacheName} from './check-caches.js';
import type {CacheRecord} from './document.js';
import {type CachedLayer, type CacheSource, openCacheSource} from './source.js';

/** A step that an imported cache has. */
export interface ImportedStep {
  readonly record: CacheRecord;
  /** Undefined: the key alone is known. */
  readonly layer: CachedLayer | undefined;
  readonly source: CacheSource;
}

/** The caches of `--cache-from`, as one. Their documents are read at the first question. */
export interface CacheImports {
  readonly find: (key: string) => Promise<ImportedStep | undefined>;
  /** Digest of what a COPY --from selects. */
  readonly content: (key: string) => Promise<string | undefined>;
}

export interface ImportParts {
  readonly specs: readonly CacheSpec[];
  readonly registry: RegistryClient;
  readonly platform: Platform;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}

/** A cache that cannot be read is passed over with a warning: all it does is save time. */
export function createCacheImports(parts: ImportParts): CacheImports {
  let loading: Promise<Known> | undefined;
  const known = (): Promise<Known> => (loading ??= load(parts));
  return {
    find: async (key) => (await known()).steps.get(key),
    content: async (key) => (await known()).contents.get(key),
  };
}

interface Known {
  readonly steps: ReadonlyMap<string, ImportedStep>;
  readonly contents: ReadonlyMap<string, string>;
}

async function load(parts: ImportParts): Promise<Known> {
  const steps = new Map<string, ImportedStep>();
  const contents = new Map<string, string>();
  const sources = await Promise.all(parts.specs.map(async (spec, index) => open(spec, index, parts)));
  for (const source of sources) {
    if (source === undefined) continue;
    for (const record of source.document.records) {
      const layer = record.diffId === undefined ? undefined : source.layers.get(record.diffId);
      // The first that is named wins, but one with files over one without.
      const earlier = steps.get(record.key);
      if (earlier === undefined || (earlier.layer === undefined && layer !== undefined)) {
        steps.set(record.key, {record, layer, source});
      }
    }
    for (const [key, digest] of Object.entries(source.document.contents)) {
      if (!contents.has(key)) contents.set(key, digest);
    }
  }
  return {steps, contents};
}

async function open(spec: CacheSpec, index: number, parts: ImportParts): Promise<CacheSource | undefined> {
  const {registry, platform, events, signal} = parts;
  const step = `cache-import ${index}`;
  events.emit({type: 'step-started', step, name: `[internal] import the cache ${cacheName(spec)}`});
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  try {
    const source = await openCacheSource(spec, registry, platform, signal);
    events.emit({type: 'step-done', step, seconds: seconds()});
    return source;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BuildError)) throw error;
    events.emit({type: 'step-done', step, seconds: seconds()});
    events.emit({type: 'warning', message: `the cache ${cacheName(spec)} is not used: ${error.message}`});
    return undefined;
  }
}
