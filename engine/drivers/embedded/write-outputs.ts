import {BuildError} from '../../base/errors.js';
import type {ImageConfig} from '../../oci/config.js';
import {type Digest, digestOf} from '../../oci/digest.js';
import {renderManifest} from '../../oci/manifest.js';
import {layerMediaType, mediaTypes} from '../../oci/media-types.js';
import {formatReference, parseReference, withDefaultTag} from '../../oci/reference.js';
import {renderImageConfig} from '../../oci/render-config.js';
import type {Plan} from '../../plan/plan.js';
import {writeBlob} from '../../store/blobs.js';
import {chainIdOf, readChain, writeChain} from '../../store/layers.js';
import type {Store} from '../../store/store.js';
import {writeTag} from '../../store/tags.js';
import type {BuildRequest, BuiltLayer, Output} from '../driver.js';
import type {BuildPlace} from './build.js';
import {inlineField} from './cache/document.js';
import {compressionOf, finishedLayer} from './layer-blobs.js';
import {describeImage} from './outputs/finished-image.js';
import {type BuiltStage, imageConfigOf, type StepLayer as StepTime} from './outputs/image-config.js';
import {isStreamed, writeOutputs} from './outputs/write-output.js';
import {epochOf} from './solve/epoch.js';
import {NotCached} from './solve/not-cached.js';
import type {LandedTree, Tree} from './solve/tree.js';
import {stageChain} from './stage-chain.js';
import {type LayerForm, stepDiff} from './step-layers.js';

export interface WrittenImage {
  readonly configDigest: Digest;
  /** Undefined where only the store has the image: its layers are not compressed before somebody wants them. */
  readonly manifestDigest: Digest | undefined;
}

/** What is known of the image when the build ends. */
export interface FinishedBuild extends WrittenImage {
  readonly layers: readonly BuiltLayer[];
}

export interface OutputParts {
  readonly store: Store;
  readonly plan: Plan;
  readonly request: BuildRequest;
  readonly place: BuildPlace;
  /** The target's file system. */
  readonly tree: LandedTree;
  /** Config of the image that the first of its stages starts from; undefined: scratch. */
  readonly base: ImageConfig | undefined;
  /** Shows a tree as a directory; undefined where this process mounts nothing. */
  readonly mountTree: ((tree: Tree) => Promise<string>) | undefined;
  /** The cache that the image's configuration holds, of the diff IDs of its layers by step; undefined: none. */
  readonly inlineCache: ((layers: ReadonlyMap<string, {readonly diffId: Digest}>) => string) | undefined;
}

/** The image, its tags in the store, and every output of the request. */
export async function finishBuild(parts: OutputParts): Promise<FinishedBuild> {
  const {request} = parts;
  const plain = await describe(parts, undefined);
  const others = request.outputs.filter(({type}) => type !== 'image');
  const named = request.outputs.flatMap(({type, attributes}) =>
    type === 'image' ? (attributes['name'] ?? '').split(',').filter((name) => name !== '') : [],
  );
  if (others.length === request.outputs.length && others.length > 0) {
    const [first] = await writeOthers(parts, others);
    const image = first ?? {configDigest: plain.configDigest, manifestDigest: undefined};
    return {...image, layers: plain.builtLayers};
  }
  const tags = [...request.tags, ...named];
  if (tags.length > 0) await tagImage(parts, plain, tags);
  const written = await writeOthers(parts, others);
  // With rewritten times it is the manifest of another image.
  const same = written.find(({configDigest}) => configDigest === plain.configDigest);
  return {
    configDigest: plain.configDigest,
    manifestDigest: same?.manifestDigest,
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

/** The files of other ids are hidden from an ordinary user, but in a namespace. */
function formOf({rootless, mayRun}: BuildPlace, clamp: number | undefined): LayerForm {
  return {rootless, clamp, readable: !rootless || mayRun};
}

/** Config and layers in the form that the store has, or with every time clamped. */
async function describe(
  {store, plan, request, place, tree, base, inlineCache}: OutputParts,
  clamp: number | undefined,
): Promise<Described> {
  const form = formOf(place, clamp);
  const times = new Map<string, StepTime>();
  const layers: {readonly mediaType: string; readonly digest: Digest; readonly size: number}[] = [];
  const builtLayers: BuiltLayer[] = [];
  let chainId: Digest | undefined;
  for (const layer of tree.layers) {
    if (layer.kind === 'base') {
      const {mediaType, digest, size, diffId} = layer.layer;
      layers.push({mediaType, digest, size});
      builtLayers.push({step: undefined, diffId, bytes: size});
      chainId = chainIdOf(chainId, diffId);
      continue;
    }
    const {diffId, size} = await stepDiff(store, layer, form, place.signal);
    layers.push({mediaType: layerMediaType('none'), digest: diffId, size});
    builtLayers.push({step: layer.step, diffId, bytes: size});
    times.set(layer.step, {diffId, created: layer.created});
    chainId = chainIdOf(chainId, diffId);
    // An image that starts from this one finds its layers unpacked already.
    if (clamp === undefined && readChain(store, chainId) === undefined) writeChain(store, chainId, layer.snapshot);
  }
  const chain = stageChain(plan).map((stage): BuiltStage => ({stage, layers: times}));
  const made = imageConfigOf(chain, base, {labels: request.labels, epoch: epochOf(request)});
  const config = inlineCache === undefined ? made : {...made, [inlineField]: inlineCache(times)};
  const configBytes = renderImageConfig(config);
  return {config, configBytes, configDigest: digestOf(configBytes), layers, builtLayers};
}

async function tagImage({store, plan, tree}: OutputParts, image: Described, tags: readonly string[]): Promise<void> {
  const {configBytes, configDigest, layers} = image;
  await writeBlob(store, once(configBytes), {digest: configDigest, size: configBytes.length});
  const manifest = renderManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: {mediaType: mediaTypes.ociConfig, digest: configDigest, size: configBytes.length},
    layers,
  });
  const manifestDigest = digestOf(manifest);
  await writeBlob(store, once(manifest), {digest: manifestDigest, size: manifest.length});
  const snapshots = await tree.chain();
  for (const tag of tags) {
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

const hasLayers = (type: Output['type']): boolean => type === 'oci' || type === 'docker';

/** What can be known to be wrong before the first of them is written. Throws USAGE. */
export function checkOutputs(outputs: readonly Output[]): void {
  for (const output of outputs) if (hasLayers(output.type)) compressionOf(output);
  const streamed = outputs.filter(isStreamed);
  if (streamed.length > 1) {
    throw new BuildError('USAGE', `${streamed.length} outputs go to standard output`, {
      remedy: 'Give all but one of them a dest=PATH.',
    });
  }
}

/** The images that were written as layouts and archives. */
async function writeOthers(parts: OutputParts, outputs: readonly Output[]): Promise<readonly WrittenImage[]> {
  const {store, request, place, tree, mountTree} = parts;
  const {signal} = place;
  const epoch = epochOf(request);
  const written: WrittenImage[] = [];
  checkOutputs(outputs);
  // Before anything is written: another process would write it again.
  if (mountTree === undefined && outputs.some(({type}) => !hasLayers(type))) throw new NotCached('a root file system');
  for (const output of outputs) {
    const rewrite = output.attributes['rewrite-timestamp'] === 'true';
    if (rewrite && epoch === undefined) {
      throw new BuildError('USAGE', 'rewrite-timestamp needs a time', {
        remedy: 'Give one: --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct).',
      });
    }
    const clamp = rewrite ? epoch : undefined;
    const needsLayers = hasLayers(output.type);
    const {config} = await describe(parts, clamp);
    const layers = [];
    const form = formOf(place, clamp);
    for (const layer of needsLayers ? tree.layers : []) {
      layers.push(await finishedLayer(store, layer, form, compressionOf(output), signal));
    }
    const finished = needsLayers
      ? {config, layers}
      : {config: {...config, rootfs: {...config.rootfs, diff_ids: []}}, layers};
    const image = describeImage({...finished, tags: request.tags.map(fullName)});
    if (needsLayers) written.push({configDigest: image.configDigest, manifestDigest: image.descriptor.digest});
    const rootDirectory = (): Promise<string> => {
      if (mountTree === undefined) throw new NotCached('a root file system');
      return mountTree(tree);
    };
    const stdout = place.stdout;
    await writeOutputs(
      [output],
      image,
      {store, snapshots: [], rootDirectory, root: !place.rootless, epoch, stdout},
      signal,
    );
  }
  return written;
}

const fullName = (tag: string): string => formatReference(withDefaultTag(parseReference(tag)));

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
