import {BuildError} from '../base/errors.js';
import type {ResolvedImage} from '../drivers/embedded/images/image-source.js';
import type {ImageConfig} from '../oci/config.js';
import type {Digest} from '../oci/digest.js';
import {layerCompression} from '../oci/media-types.js';
import {cleanComponents} from '../snapshot/layer-view.js';
import {byteString} from '../snapshot/tar-entry.js';
import {decompress} from '../snapshot/decompress.js';
import {installedPackages, type InstalledPackage, isDatabase, ownersOf} from './dpkg.js';
import {FileTree, type ImageFile} from './file-tree.js';
import {type LayerListing, listLayer} from './layer-listing.js';

export interface ImageLayerSource {
  readonly diffId: Digest;
  /** The uncompressed tar. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** An image that can be looked into, wherever it is kept. */
export interface ImageSource {
  /** As the user named it. */
  readonly name: string;
  /** Where it was found: `the store`, `the daemon`, `the OCI layout …`. */
  readonly place: string;
  readonly digest: Digest | undefined;
  readonly configDigest: Digest | undefined;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly ImageLayerSource[];
  /** Idempotent. */
  close(): Promise<void>;
}

export interface LayerSummary {
  readonly diffId: Digest;
  /** `created_by` of the image's history; undefined where the history does not say. */
  readonly createdBy: string | undefined;
  /** Bytes of the files in it. */
  readonly bytes: number;
  readonly files: number;
}

/** What is in an image. */
export interface ImageContent {
  readonly source: Omit<ImageSource, 'close'>;
  readonly layers: readonly LayerSummary[];
  /** By path, without a slash in front; '' is the root. */
  readonly files: ReadonlyMap<string, ImageFile>;
  readonly packages: ReadonlyMap<string, InstalledPackage>;
  /** Package of a path, by `packageKey`. */
  readonly ownerOf: (path: string) => string | undefined;
  /** Whether something is at an absolute path, symlinks on the way followed. */
  readonly has: (path: string) => boolean;
  /** Bytes of the files of all layers, also of those that a later layer hides: what the image takes unpacked. */
  readonly bytes: number;
}

/** Listings by diff ID: what images share is read once. */
export type LayerMemory = Map<Digest, Promise<LayerListing>>;

/** Reads every layer that is not remembered. Rejects with ARCHIVE_INVALID, or as the source fails. */
export async function readImage(source: ImageSource, memory: LayerMemory, signal: AbortSignal): Promise<ImageContent> {
  const tree = new FileTree();
  const layers: LayerSummary[] = [];
  const created = createdBy(source.config);
  const database = new Map<string, Buffer>();
  for (const [index, layer] of source.layers.entries()) {
    signal.throwIfAborted();
    const listing = await remembered(layer, memory, signal);
    tree.apply(listing, index);
    layers.push({
      diffId: layer.diffId,
      createdBy: created[index],
      bytes: listing.bytes,
      files: listing.entries.length,
    });
  }
  const files = new Map<string, ImageFile>();
  for (const file of tree.files()) {
    files.set(file.path, file);
    if (file.kept !== undefined && isDatabase(file.path)) database.set(file.path, file.kept);
  }
  const packages = installedPackages(database);
  const ownerOf = ownersOf(database, packages, (path) => tree.real(path));
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0);
  const has = (path: string): boolean => tree.get(byteString(cleanComponents(path).join('/'))) !== undefined;
  return {source, layers, files, packages, ownerOf, has, bytes};
}

async function remembered(layer: ImageLayerSource, memory: LayerMemory, signal: AbortSignal): Promise<LayerListing> {
  const known = memory.get(layer.diffId) ?? listLayer(layer.open(signal), signal);
  memory.set(layer.diffId, known);
  try {
    return await known;
  } catch (error) {
    memory.delete(layer.diffId);
    throw error;
  }
}

/** What made each layer: the entries of the history that have one. */
function createdBy({history}: ImageConfig): readonly (string | undefined)[] {
  return (history ?? []).filter((entry) => entry.empty_layer !== true).map((entry) => entry.created_by);
}

/** An image of a layout, an archive or a registry. */
export function fromResolved(image: ResolvedImage, named: Pick<ImageSource, 'name' | 'place' | 'close'>): ImageSource {
  return {
    ...named,
    digest: image.manifestDigest,
    configDigest: image.configDigest,
    config: image.config,
    layers: image.layers.map((layer) => ({
      diffId: layer.diffId,
      open(signal) {
        const compression = layerCompression(layer.mediaType);
        if (compression === undefined) {
          throw new BuildError('UNSUPPORTED', `${named.name} has a layer of the type ${layer.mediaType}`);
        }
        return decompress(image.open(layer, signal), compression, signal);
      },
    })),
  };
}
