import {mapLimited} from '../base/concurrency.js';
import {oneChunk} from '../base/one-chunk.js';
import {BuildError, messageOf} from '../base/errors.js';
import type {ExportedImage, ExportedLayer, LayerForm} from '../drivers/driver.js';
import {type Digest, digestOf} from '../oci/digest.js';
import {type Descriptor, renderManifest} from '../oci/manifest.js';
import {mediaTypes} from '../oci/media-types.js';
import {parseReference, repositoryOf} from '../oci/reference.js';
import type {EventSink} from '../progress/events.js';
import type {OpenTarget} from './push-target.js';

/** What goes along with an image: documents about it, and the index that names them all. */
export interface Attachments {
  readonly blobs: readonly {readonly bytes: Uint8Array; readonly digest: Digest}[];
  readonly manifests: readonly {readonly bytes: Uint8Array; readonly mediaType: string}[];
  /** What the tags name. */
  readonly index: Uint8Array;
}

export interface PushOptions {
  /** Of the image's manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Made when the manifest is known; undefined: the tags name the manifest itself. */
  readonly attach: ((manifest: Descriptor) => Attachments) | undefined;
  readonly events: EventSink;
}

/** Of one repository. */
export interface PushResult {
  readonly name: string;
  readonly references: readonly string[];
  /** Of what the tags name; undefined where it failed. */
  readonly digest: Digest | undefined;
  /** Bytes of blobs that had to be sent. */
  readonly sent: number;
  readonly failure: unknown;
}

/** Layers on their way at once. */
const parallelLayers = 3;

/**
 * Pushes an image to every target at once. Each blob is asked for in each repository and sent only where it is missing;
 * its bytes are made, once, only where one of them wants them. Manifests come last. What fails in one repository is in its
 * result; rejects with what fails on this side, or the signal's reason.
 */
export async function pushImage(
  image: ExportedImage,
  targets: readonly OpenTarget[],
  {annotations, attach, events}: PushOptions,
  signal: AbortSignal,
): Promise<readonly PushResult[]> {
  // An image may have one layer twice.
  const unique = [...new Map(image.layers.map((layer) => [layer.diffId, layer])).values()];
  const forms = new Map<Digest, LayerForm>();
  await mapLimited(
    unique,
    parallelLayers,
    async (layer, index, either) => {
      forms.set(layer.diffId, await pushLayer(layer, index, targets, events, either));
    },
    signal,
  );
  const {configBytes: config, configDigest} = image;
  await pushSmall(targets, config, configDigest, 'configuration', signal);
  const layers = image.layers.map(({diffId}) => {
    const form = forms.get(diffId);
    if (form === undefined) throw new Error('unreachable: every layer was pushed');
    return {mediaType: form.mediaType, digest: form.digest, size: form.size};
  });
  const manifest = renderManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: {mediaType: mediaTypes.ociConfig, digest: configDigest, size: config.length},
    layers,
    ...(Object.keys(annotations).length > 0 && {annotations}),
  });
  const {os, architecture, variant} = image.config;
  const attached = attach?.({
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
    platform: {architecture, os, ...(variant !== undefined && {variant})},
  });
  const inner =
    attached === undefined ? [] : [{bytes: manifest, mediaType: mediaTypes.ociManifest}, ...attached.manifests];
  const top = attached?.index ?? manifest;
  const topType = attached === undefined ? mediaTypes.ociManifest : mediaTypes.ociIndex;
  await Promise.all(
    targets.map(async (target) => {
      for (const blob of attached?.blobs ?? [])
        await pushSmall([target], blob.bytes, blob.digest, 'attestation', signal);
      for (const {bytes, mediaType} of inner) await target.manifest(undefined, bytes, mediaType, signal);
      await Promise.all(
        target.references.map((reference) => target.manifest(parseReference(reference).tag, top, topType, signal)),
      );
    }),
  );
  return targets.map(({target, references, sent, failure}) => ({
    name: target.name,
    references,
    digest: failure === undefined ? digestOf(top) : undefined,
    sent,
    failure,
  }));
}

async function pushLayer(
  layer: ExportedLayer,
  index: number,
  targets: readonly OpenTarget[],
  events: EventSink,
  signal: AbortSignal,
): Promise<LayerForm> {
  const label = `layer ${index + 1}`;
  const {known} = layer;
  const missing = known === undefined ? targets : await withoutBlob(targets, known, label, signal);
  if (known !== undefined && missing.length === 0) return known;
  const step = `layer ${index + 1}`;
  let begun: number | undefined;
  const ready = await layer.ready(signal, (current, total) => {
    if (begun === undefined) events.emit({type: 'step-started', step, name: `compressing layer ${index + 1}`});
    begun ??= performance.now();
    events.emit({type: 'step-progress', step, label: 'compressing', current, total});
  });
  if (begun !== undefined) events.emit({type: 'step-done', step, seconds: (performance.now() - begun) / 1000});
  const wanting = ready.digest === known?.digest ? missing : await withoutBlob(targets, ready, label, signal);
  await Promise.all(
    wanting.map(async (target) => {
      const from = mountable(target, layer.places);
      const {digest, size} = ready;
      const blob = {
        digest,
        size,
        open: (offset: number) => ready.open(offset),
        ...(from !== undefined && {mountFrom: from}),
      };
      await target.push(blob, label, signal);
    }),
  );
  for (const target of targets) if (target.failure === undefined) layer.keptBy(target.place, ready);
  return ready;
}

/** Another repository of the same registry that has the layer. */
function mountable({place}: OpenTarget, places: readonly string[]): string | undefined {
  const own = parseReference(place);
  return places
    .map((text) => parseReference(text))
    .find((other) => other.domain === own.domain && repositoryOf(other) !== place)?.path;
}

async function withoutBlob(
  targets: readonly OpenTarget[],
  {digest, size}: LayerForm,
  label: string,
  signal: AbortSignal,
): Promise<readonly OpenTarget[]> {
  const there = await Promise.all(targets.map((target) => target.has(digest, size, label, signal)));
  return targets.filter((_, index) => there[index] === false);
}

async function pushSmall(
  targets: readonly OpenTarget[],
  bytes: Uint8Array,
  digest: Digest,
  label: string,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    targets.map(async (target) => {
      if (await target.has(digest, bytes.length, label, signal)) return;
      await target.push(
        {digest, size: bytes.length, open: (offset) => oneChunk(bytes.subarray(offset))},
        label,
        signal,
      );
    }),
  );
}

/** The failure as an error that names the registry it happened with. */
export function failureOf({name, failure}: PushResult): BuildError | undefined {
  if (failure === undefined) return undefined;
  if (!(failure instanceof BuildError))
    return new BuildError('REGISTRY_FAILED', `${name}: ${messageOf(failure)}`, {cause: failure});
  const {code, message, details} = failure;
  return new BuildError(code, `${name}: ${message}`, details);
}
