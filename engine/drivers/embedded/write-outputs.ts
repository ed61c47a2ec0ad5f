import {BuildError} from '../../base/errors.js';
import {oneChunk} from '../../base/one-chunk.js';
import type {ImageConfig} from '../../oci/config.js';
import {type Digest, digestOf} from '../../oci/digest.js';
import {type Descriptor, renderManifest} from '../../oci/manifest.js';
import {layerMediaType, mediaTypes} from '../../oci/media-types.js';
import {fullReference} from '../../oci/reference.js';
import {renderImageConfig} from '../../oci/render-config.js';
import type {Plan} from '../../plan/plan.js';
import type {RegistryClient} from '../../registry/client.js';
import {writeBlob} from '../../store/blobs.js';
import type {Store} from '../../store/store.js';
import {writeTag} from '../../store/tags.js';
import type {BuildRequest, BuiltLayer, Output} from '../driver.js';
import type {BuildPlace} from './build.js';
import {inlineField} from './cache/document.js';
import {damagedFiles, dropDamaged} from './damaged-layers.js';
import {compressionOf, finishedLayer} from './layer-blobs.js';
import type {LayerChains} from './layer-chains.js';
import type {MadeLayers} from './made-layers.js';
import {annotationsOf, isPushed, namesOf, sourcesOf} from './outputs/attributes.js';
import {describeImage, type FinishedLayer} from './outputs/finished-image.js';
import {type BuiltStage, imageConfigOf, type StepLayer as StepTime} from './outputs/image-config.js';
import {pushImage} from './outputs/push-image.js';
import {writeOutput} from './outputs/write-output.js';
import {epochOf} from './solve/epoch.js';
import {NotCached} from './solve/not-cached.js';
import type {LandedTree, Tree} from './solve/tree.js';
import type {LayerForm} from './step-layers.js';
import {stageChain} from './stage-chain.js';
import {clampOf, formOf, hasLayers, wantedLayers, wantsImage} from './wanted-layers.js';

export interface WrittenImage {
  /** Undefined where no output is made of layers: the files alone have none. */
  readonly configDigest: Digest | undefined;
  /** Undefined where only the store has the image: its layers are not compressed before somebody wants them. */
  readonly manifestDigest: Digest | undefined;
  /** Of that manifest. */
  readonly descriptor?: Descriptor | undefined;
}

/** What is known of the image when the build ends. */
export interface FinishedBuild extends WrittenImage {
  readonly layers: readonly BuiltLayer[];
}

export interface OutputParts {
  readonly store: Store;
  readonly made: MadeLayers;
  readonly chains: LayerChains;
  readonly plan: Plan;
  readonly request: BuildRequest;
  readonly place: BuildPlace;
  /** The target's file system. */
  readonly tree: LandedTree;
  /** Config of the image that the first of its stages starts from; undefined: scratch. */
  readonly base: ImageConfig | undefined;
  /** Shows a tree as a directory; undefined where this process mounts nothing. */
  readonly mountTree: ((tree: Tree) => Promise<string>) | undefined;
  readonly registry: RegistryClient;
  /** The cache that the image's configuration holds, of the diff IDs of its layers by step; undefined: none. */
  readonly inlineCache: ((layers: ReadonlyMap<string, {readonly diffId: Digest}>) => string) | undefined;
}

/** The image, its tags in the store, and every output of the request. */
export async function finishBuild(parts: OutputParts): Promise<FinishedBuild> {
  const {request, place, tree, made, mountTree} = parts;
  const others = request.outputs.filter(({type}) => type !== 'image');
  // Before anything is written: another process would write it again.
  if (mountTree === undefined && others.some((output) => !hasLayers(output))) throw new NotCached('a root file system');
  for (const wanted of wantedLayers(request, place)) {
    for (const layer of tree.layers) if (layer.kind === 'step') made.begin(layer, wanted);
  }
  if (!wantsImage(request)) {
    const [first] = await writeOthers(parts, others);
    return first ?? {configDigest: undefined, manifestDigest: undefined, layers: []};
  }
  const named = request.outputs.flatMap((output) => (output.type === 'image' ? namesOf(output) : []));
  const plain = await describe(parts, undefined);
  const tags = [...request.tags, ...named];
  if (tags.length > 0) await tagImage(parts, plain, tags);
  const written = await writeOthers(parts, [...others, ...request.outputs.filter(isPushed)]);
  // With rewritten times it is the manifest of another image.
  const same = written.find(({configDigest}) => configDigest === plain.configDigest);
  return {
    configDigest: plain.configDigest,
    manifestDigest: same?.manifestDigest,
    descriptor: same?.descriptor,
    layers: plain.builtLayers,
  };
}

interface Described {
  readonly config: ImageConfig;
  readonly configBytes: Buffer;
  readonly configDigest: Digest;
  readonly layers: readonly {readonly mediaType: string; readonly digest: Digest; readonly size: number}[];
  readonly builtLayers: readonly BuiltLayer[];
}

/** Config and layers in the form that the store has, or with every time clamped. */
async function describe(
  {made: layersOf, chains, plan, request, place, tree, base, inlineCache}: OutputParts,
  clamp: number | undefined,
): Promise<Described> {
  const form = formOf(place, clamp);
  const times = new Map<string, StepTime>();
  const layers: {readonly mediaType: string; readonly digest: Digest; readonly size: number}[] = [];
  const builtLayers: BuiltLayer[] = [];
  for (const layer of tree.layers) {
    if (layer.kind === 'base') {
      const {mediaType, digest, size, diffId} = layer.layer;
      layers.push({mediaType, digest, size});
      builtLayers.push({step: undefined, diffId, bytes: size});
      continue;
    }
    const {diffId, size} = await layersOf.diff(layer, form);
    layers.push({mediaType: layerMediaType('none'), digest: diffId, size});
    builtLayers.push({step: layer.step, diffId, bytes: size});
    times.set(layer.step, {diffId, created: layer.created});
  }
  if (clamp === undefined) await chains.noted(tree.layers);
  const chain = stageChain(plan).map((stage): BuiltStage => ({stage, layers: times}));
  const made = imageConfigOf(chain, base, {labels: request.labels, epoch: epochOf(request)});
  const config = inlineCache === undefined ? made : {...made, [inlineField]: inlineCache(times)};
  const configBytes = renderImageConfig(config);
  return {config, configBytes, configDigest: digestOf(configBytes), layers, builtLayers};
}

async function tagImage({store, plan, tree}: OutputParts, image: Described, tags: readonly string[]): Promise<void> {
  const {configBytes, configDigest, layers} = image;
  const manifest = renderManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: {mediaType: mediaTypes.ociConfig, digest: configDigest, size: configBytes.length},
    layers,
  });
  const manifestDigest = digestOf(manifest);
  // Side by side: each waits for the disk.
  await Promise.all([
    writeBlob(store, oneChunk(configBytes), {digest: configDigest, size: configBytes.length}),
    writeBlob(store, oneChunk(manifest), {digest: manifestDigest, size: manifest.length}),
  ]);
  const snapshots = await tree.chain();
  for (const tag of tags) {
    writeTag(store, {
      reference: fullReference(tag),
      manifestDigest,
      configDigest,
      platform: plan.graph.platform,
      created: new Date().toISOString(),
      snapshots,
    });
  }
}

/** Those that are images, as they were written. */
async function writeOthers(parts: OutputParts, outputs: readonly Output[]): Promise<readonly FinishedBuild[]> {
  const {store, made, request, place, tree, base, plan, mountTree} = parts;
  const {signal, stdout} = place;
  const epoch = epochOf(request);
  const written: FinishedBuild[] = [];
  for (const output of outputs) {
    const needsLayers = hasLayers(output);
    const clamp = clampOf(output, request);
    const described = needsLayers ? await describe(parts, clamp) : undefined;
    const form = formOf(place, clamp);
    const layers: FinishedLayer[] = [];
    for (const layer of needsLayers ? tree.layers : []) {
      layers.push(await finishedLayer(made, layer, form, compressionOf(output), signal));
    }
    const ids = described?.config.rootfs.diff_ids ?? [];
    if (described !== undefined && layers.some(({diffId}, index) => diffId !== ids[index])) {
      await dropDamaged(store, tree, ids, form);
      throw damagedFiles();
    }
    const image = describeImage({
      config: described?.config ?? withoutLayers(plan, base, request),
      layers,
      tags: [...new Set([...request.tags, ...namesOf(output)].map(fullReference))],
      annotations: annotationsOf(output),
      docker: output.attributes['oci-mediatypes'] === 'false',
    });
    if (described !== undefined) {
      const {configDigest, descriptor} = image;
      written.push({configDigest, manifestDigest: descriptor.digest, descriptor, layers: described.builtLayers});
    }
    if (isPushed(output)) {
      await orDamaged(() => pushImage(image, output, sourcesOf(tree), parts.registry, place.events, signal), ids, form);
      continue;
    }
    const rootDirectory = (): Promise<string> => {
      if (mountTree === undefined) throw new NotCached('a root file system');
      return mountTree(tree);
    };
    const outputPlace = {rootDirectory, root: !place.rootless, epoch, stdout};
    await orDamaged(() => writeOutput(output, image, outputPlace, signal), ids, form);
  }
  return written;

  /** Layers that are read out of their files are found out while they are written. */
  async function orDamaged(write: () => Promise<void>, ids: readonly string[], form: LayerForm): Promise<void> {
    try {
      await write();
    } catch (error) {
      const mismatch = error instanceof BuildError && error.code === 'DIGEST_MISMATCH';
      if (mismatch && (await dropDamaged(store, tree, ids, form))) throw damagedFiles(error);
      throw error;
    }
  }
}

/** For an output that is files alone. */
function withoutLayers(plan: Plan, base: ImageConfig | undefined, request: BuildRequest): ImageConfig {
  const chain = stageChain(plan).map((stage): BuiltStage => ({stage, layers: new Map()}));
  const config = imageConfigOf(chain, base, {labels: request.labels});
  return {...config, rootfs: {...config.rootfs, diff_ids: []}};
}
