import {BuildError} from '../../base/errors.js';
import type {ImageConfig} from '../../oci/config.js';
import {type Digest, digestOf} from '../../oci/digest.js';
import {layerMediaType, mediaTypes} from '../../oci/media-types.js';
import {renderManifest} from '../../oci/manifest.js';
import {formatReference, parseReference, withDefaultTag} from '../../oci/reference.js';
import type {Plan} from '../../plan/plan.js';
import type {Stage} from '../../stages/graph.js';
import {writeBlob} from '../../store/blobs.js';
import {chainIdOf, readChain, writeChain} from '../../store/layers.js';
import type {Store} from '../../store/store.js';
import {writeTag} from '../../store/tags.js';
import type {BuildRequest} from '../driver.js';
import type {BuildPlace} from './build.js';
import {imageConfigOf, type BuiltStage, type StepLayer as StepTime} from './outputs/image-config.js';
import {epochOf} from './solve/epoch.js';
import type {Tree, TreeLayer} from './solve/tree.js';
import {type LayerForm, stepDiff} from './step-layers.js';

export interface WrittenImage {
  readonly configDigest: Digest;
  readonly manifestDigest: Digest | undefined;
}

export interface OutputParts {
  readonly store: Store;
  readonly plan: Plan;
  readonly request: BuildRequest;
  readonly place: BuildPlace;
  /** Trees of the stages that the target is built on, the target last. */
  readonly tree: Tree;
  /** Config of the image that the first of them starts from; undefined: scratch. */
  readonly base: ImageConfig | undefined;
  /** Shows a tree as a directory; undefined where this process mounts nothing. */
  readonly mountTree: ((tree: Tree) => Promise<string>) | undefined;
}

/** The target and the stages below it, the first one first. */
export function stageChain(plan: Plan): readonly Stage[] {
  const chain: Stage[] = [];
  let stage = plan.graph.stages[plan.graph.target];
  while (stage !== undefined) {
    chain.unshift(stage);
    stage = stage.base.kind === 'stage' ? plan.graph.stages[stage.base.index] : undefined;
  }
  return chain;
}

/** Makes the image's config, writes every output of the request, and the tags. */
export async function writeOutputs(parts: OutputParts): Promise<WrittenImage> {
  const {store, plan, request, place, tree, base} = parts;
  const {signal} = place;
  const epoch = epochOf(request);
  const form: LayerForm = {rootless: place.rootless, clamp: undefined};
  const times = new Map<string, StepTime>();
  const described: {readonly diffId: Digest; readonly size: number; readonly layer: TreeLayer}[] = [];
  for (const layer of tree.layers) {
    if (layer.kind === 'base') {
      described.push({diffId: layer.layer.diffId, size: layer.layer.size, layer});
      continue;
    }
    const diff = await stepDiff(store, layer, form, signal);
    described.push({...diff, layer});
    times.set(layer.step, {diffId: diff.diffId, created: layer.created});
  }
  rememberLayers(store, described);
  const chain = stageChain(plan).map((stage): BuiltStage => ({stage, layers: times}));
  const config = imageConfigOf(chain, base, {labels: request.labels, epoch});
  const configBytes = Buffer.from(JSON.stringify(config));
  const configDigest = digestOf(configBytes);
  await writeBlob(store, once(configBytes), {digest: configDigest, size: configBytes.length});
  const manifest = renderManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: {mediaType: mediaTypes.ociConfig, digest: configDigest, size: configBytes.length},
    layers: described.map(({diffId, size, layer}) =>
      layer.kind === 'base'
        ? {mediaType: layer.layer.mediaType, digest: layer.layer.digest, size: layer.layer.size}
        : {mediaType: layerMediaType('none'), digest: diffId, size},
    ),
  });
  const manifestDigest = digestOf(manifest);
  if (request.outputs.length > 0 && request.outputs.some(({type}) => type !== 'image')) {
    throw new BuildError('UNSUPPORTED', 'the embedded engine writes images only');
  }
  if (request.tags.length > 0) {
    await writeBlob(store, once(manifest), {digest: manifestDigest, size: manifest.length});
    const snapshots = await tree.chain();
    for (const tag of request.tags) {
      writeTag(store, {
        reference: formatReference(withDefaultTag(parseReference(tag))),
        manifestDigest,
        configDigest,
        platform: plan.graph.platform,
        created: new Date().toISOString(),
        snapshots,
      });
    }
  }
  return {configDigest, manifestDigest: undefined};
}

/** An image that starts from this one finds its layers unpacked already. */
function rememberLayers(store: Store, layers: readonly {readonly diffId: Digest; readonly layer: TreeLayer}[]): void {
  let chainId: Digest | undefined;
  for (const {diffId, layer} of layers) {
    chainId = chainIdOf(chainId, diffId);
    if (layer.kind === 'step' && readChain(store, chainId) === undefined) writeChain(store, chainId, layer.snapshot);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
