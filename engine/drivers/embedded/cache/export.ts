import {messageOf} from '../../../base/errors.js';
import {oneChunk} from '../../../base/one-chunk.js';
import {blobPath} from '../../../oci/layout.js';
import {digestOf} from '../../../oci/digest.js';
import {type Descriptor, renderManifest} from '../../../oci/manifest.js';
import {mediaTypes} from '../../../oci/media-types.js';
import {parseReference, type Reference, withDefaultTag} from '../../../oci/reference.js';
import type {Plan} from '../../../plan/plan.js';
import type {EventSink} from '../../../progress/events.js';
import type {RegistryClient} from '../../../registry/client.js';
import type {Store} from '../../../store/store.js';
import type {CacheSpec} from '../../driver.js';
import {cacheName} from './check-caches.js';
import {compressionOf, finishedLayer} from '../layer-blobs.js';
import type {MadeLayers} from '../made-layers.js';
import type {FinishedLayer} from '../outputs/finished-image.js';
import type {LayerForm} from '../step-layers.js';
import {stageChain} from '../stage-chain.js';
import type {Collected, SolvedJob} from './collect.js';
import {type CacheDocument, cacheTypes, layerAnnotations, renderDocument} from './document.js';
import {describeSteps} from './records.js';
import {writeCacheLayout} from './layout-target.js';

export interface ExportParts {
  readonly store: Store;
  readonly made: MadeLayers;
  readonly plan: Plan;
  readonly form: LayerForm;
  readonly collected: Collected;
  readonly registry: RegistryClient;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}

/** A cache as bytes: a manifest, its document, its layers. */
interface Rendered {
  readonly manifest: Buffer;
  readonly config: Buffer;
  readonly layers: readonly FinishedLayer[];
}

/**
 * Writes what the build found and made to every cache of `specs` but inline ones, which are in the image. Rejects with the
 * first error where a cache has not `ignore-error=true`.
 */
export async function exportCaches(specs: readonly CacheSpec[], parts: ExportParts): Promise<void> {
  for (const [index, spec] of specs.entries()) {
    if (spec.type === 'inline') continue;
    const {events, signal} = parts;
    const step = `cache-export ${index}`;
    events.emit({type: 'step-started', step, name: `[internal] export the cache ${cacheName(spec)}`});
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      await exportCache(spec, parts);
      events.emit({type: 'step-done', step, seconds: seconds()});
    } catch (error) {
      const ignored = spec.attributes['ignore-error'] === 'true' && !signal.aborted;
      events.emit({type: 'step-done', step, seconds: seconds(), ...(!ignored && {error: messageOf(error)})});
      if (!ignored) throw error;
      events.emit({type: 'warning', message: `the cache ${cacheName(spec)} is not written: ${messageOf(error)}`});
    }
  }
}

async function exportCache(spec: CacheSpec, parts: ExportParts): Promise<void> {
  const rendered = await render(spec, parts);
  const {manifest, config, layers} = rendered;
  const {registry, signal} = parts;
  const descriptor: Descriptor = {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
    artifactType: cacheTypes.artifact,
  };
  const small = [config, manifest].map((bytes) => ({
    digest: digestOf(bytes),
    size: bytes.length,
    open: () => oneChunk(bytes),
  }));
  const blobs = [...layers, ...small].map(({digest, size, open}) => ({digest, size, open, name: blobPath(digest)}));
  if (spec.type === 'local') {
    const {dest = '', tag = 'latest'} = spec.attributes;
    return writeCacheLayout(dest, tag, blobs, descriptor, signal);
  }
  const reference: Reference = withDefaultTag(parseReference(spec.attributes['ref'] ?? ''));
  const pushed = blobs.filter(({digest}) => digest !== descriptor.digest);
  await registry.push(
    reference,
    pushed.map(({digest, size, open}) => ({digest, size, open: () => open(signal)})),
    signal,
  );
  await registry.pushManifest(reference, {bytes: manifest, mediaType: mediaTypes.ociManifest}, signal);
}

/** Steps of the image itself; with `max` those of every stage. A step outside has its key only. */
async function render(spec: CacheSpec, parts: ExportParts): Promise<Rendered> {
  const {plan, collected} = parts;
  const chain = new Set(stageChain(plan));
  const wanted = collected.jobs.filter(({job}) => spec.attributes['mode'] === 'max' || chain.has(job.stage));
  const layers = new Map<SolvedJob, FinishedLayer>();
  for (const solved of wanted) {
    const layer = await layerOf(solved, spec, parts);
    if (layer !== undefined) layers.set(solved, layer);
  }
  const document = describeSteps(collected, {...parts, parts: true, diffIdOf: (solved) => layers.get(solved)?.diffId});
  return manifestOf(document, [...layers.values()], spec);
}

async function layerOf(
  {layer, result}: SolvedJob,
  spec: CacheSpec,
  {made, form, signal}: ExportParts,
): Promise<FinishedLayer | undefined> {
  if (layer.kind === 'step') return finishedLayer(made, layer, form, compressionOf(spec), signal);
  if (!('imported' in result)) throw new Error('unreachable: deferred, and not imported');
  const here = layer.here();
  if (here !== undefined) return finishedLayer(made, here, form, compressionOf(spec), signal);
  const {imported} = result;
  if (imported?.layer === undefined) return undefined;
  const {layer: there, source} = imported;
  // It never had to come here: it goes from there to the other place, unless that has it.
  return {...there, open: (abort) => source.open(there, abort)};
}

function manifestOf(document: CacheDocument, all: readonly FinishedLayer[], spec: CacheSpec): Rendered {
  const layers = [...new Map(all.map((layer) => [layer.diffId, layer])).values()];
  const config = renderDocument(document);
  const level = spec.attributes['compression-level'];
  const manifest = renderManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: cacheTypes.artifact,
    config: {mediaType: cacheTypes.config, digest: digestOf(config), size: config.length},
    layers: layers.map(({mediaType, digest, size, diffId}) => ({
      mediaType,
      digest,
      size,
      annotations: {[layerAnnotations.diffId]: diffId, ...(level !== undefined && {[layerAnnotations.level]: level})},
    })),
  });
  return {manifest, config, layers};
}
