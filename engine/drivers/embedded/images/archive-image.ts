import {BuildError, quote} from '../../../base/errors.js';
import {didYouMean} from '../../../base/nearest.js';
import {createHasher, digestOf, isDigest, verifyBytes, verifyStream} from '../../../oci/digest.js';
import {asObject, ociInvalid, optionalStrings, requiredString} from '../../../oci/json.js';
import {
  blobPath,
  checkLayoutFile,
  indexFile,
  layoutFile,
  parseLayoutIndex,
  selectFromLayout,
} from '../../../oci/layout.js';
import {manifestLimit} from '../../../oci/manifest.js';
import {mediaTypes} from '../../../oci/media-types.js';
import {configLimit, parseImageConfig} from '../../../oci/parse-config.js';
import type {Platform} from '../../../oci/platform.js';
import {familiarName, normalReference, parseReference} from '../../../oci/reference.js';
import type {ArchivedFile, ArchiveFile} from './archive-file.js';
import {type BlobReader, imageFromBlobs} from './from-blobs.js';
import type {ImageLayer, ResolvedImage} from './image-source.js';

const mostImages = 1000;
const mostLayers = 1000;
const savedFile = 'manifest.json';

/**
 * An image of a tar archive: an OCI layout, or what `docker save` writes (image-spec of moby, v1.2). `name` selects it by a
 * reference or a tag; without one it must be the only one, or `latest`.
 */
export async function imageFromArchive(
  archive: ArchiveFile,
  name: string | undefined,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const [layout, index, manifest] = [layoutFile, indexFile, savedFile].map((file) => archive.find(file));
  const title = `docker-archive://${archive.path}${name === undefined ? '' : `:${name}`}`;
  // With several images manifest.json has the full names.
  if (layout !== undefined && index !== undefined && (manifest === undefined || name === undefined)) {
    checkLayoutFile(await archive.read(layout, 4096));
    const parsed = parseLayoutIndex(await archive.read(index, manifestLimit));
    if (manifest === undefined || parsed.manifests.length === 1) {
      const descriptor = selectFromLayout(parsed, name === undefined ? {} : {tag: name}, archive.path);
      return imageFromBlobs(archiveBlobs(archive), descriptor, platform, title, signal);
    }
  }
  if (manifest === undefined) {
    throw noImageArchive(archive.path);
  }
  const chosen = choose(parseSaved(await archive.read(manifest, manifestLimit)), name, archive.path);
  return (await savedImage(archive, chosen, title, signal)).image;
}

/** An image that `manifest.json` names, with its configuration as it is kept. */
export interface SavedImage {
  readonly names: readonly string[];
  readonly image: ResolvedImage;
  readonly configBytes: Uint8Array;
}

/** Every image that `docker save` put into an archive. Rejects with OCI_INVALID, DIGEST_MISMATCH. */
export async function savedImages(archive: ArchiveFile, signal: AbortSignal): Promise<readonly SavedImage[]> {
  const manifest = archive.find(savedFile);
  if (manifest === undefined) throw noImageArchive(archive.path);
  const images: SavedImage[] = [];
  for (const entry of parseSaved(await archive.read(manifest, manifestLimit))) {
    images.push({names: entry.names, ...(await savedImage(archive, entry, archive.path, signal))});
  }
  return images;
}

function noImageArchive(path: string): BuildError {
  return new BuildError('OCI_INVALID', `${path} is not an image archive: it has neither index.json nor manifest.json`);
}

/** The blobs of an OCI layout in an archive. */
export function archiveBlobs(archive: ArchiveFile): BlobReader {
  const find = (digest: Parameters<typeof blobPath>[0]): ArchivedFile => {
    const found = archive.find(blobPath(digest));
    if (found === undefined) throw new BuildError('NOT_FOUND', `the archive ${archive.path} has no blob ${digest}`);
    return found;
  };
  return {
    bytes: async (digest, most) => archive.read(find(digest), most),
    open: (digest, signal) => archive.stream(find(digest), signal),
  };
}

interface SavedEntry {
  readonly config: string;
  readonly names: readonly string[];
  readonly layers: readonly string[];
}

async function savedImage(
  archive: ArchiveFile,
  chosen: SavedEntry,
  title: string,
  signal: AbortSignal,
): Promise<Omit<SavedImage, 'names'>> {
  const configBytes = await archive.read(fileOf(archive, chosen.config), configLimit);
  const hex = /([0-9a-f]{64})(?:\.json)?$/.exec(chosen.config)?.[1];
  const configDigest = digestOf(configBytes);
  const named = `sha256:${hex ?? ''}`;
  if (isDigest(named)) verifyBytes(`the configuration of ${title}`, configBytes, {digest: named});
  const config = parseImageConfig(configBytes);
  const ids = config.rootfs.diff_ids;
  if (ids.length !== chosen.layers.length) {
    throw ociInvalid(`image ${title}`, `it has ${chosen.layers.length} layers and ${ids.length} diff IDs`);
  }
  const files = new Map<ImageLayer, ArchivedFile>();
  const layers: ImageLayer[] = [];
  for (const [index, path] of chosen.layers.entries()) {
    const diffId = ids[index] ?? '';
    if (!isDigest(diffId)) throw ociInvalid(`image ${title}`, 'a diff ID is not a sha256 digest');
    const file = fileOf(archive, path);
    const layer = {...(await layerOf(archive, file, diffId, signal)), diffId};
    layers.push(layer);
    files.set(layer, file);
  }
  const image: ResolvedImage = {
    reference: title,
    digest: undefined,
    manifestDigest: undefined,
    configDigest,
    config,
    layers,
    open(layer, either) {
      const file = files.get(layer) ?? files.get(layers.find(({digest}) => digest === layer.digest) ?? layer);
      if (file === undefined) throw new BuildError('NOT_FOUND', `${title} has no layer ${layer.digest}`);
      return verifyStream(`the layer ${layer.digest} of ${title}`, archive.stream(file, either), layer);
    },
    fetch: () => Promise.resolve(),
  };
  return {image, configBytes};
}

/** Old archives hold plain tars, whose digest is the diff ID; those of the containerd store compressed blobs too. */
async function layerOf(
  archive: ArchiveFile,
  file: ArchivedFile,
  diffId: ImageLayer['digest'],
  signal: AbortSignal,
): Promise<Omit<ImageLayer, 'diffId'>> {
  const magic = (await archive.read({offset: file.offset, size: Math.min(4, file.size)}, 4)).toString('hex');
  const {size} = file;
  const gzip = magic.startsWith('1f8b');
  if (!gzip && magic !== '28b52ffd') return {digest: diffId, size, mediaType: mediaTypes.ociLayer};
  const hasher = createHasher();
  for await (const chunk of archive.stream(file, signal)) hasher.update(chunk);
  return {digest: hasher.digest(), size, mediaType: gzip ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd};
}

function fileOf(archive: ArchiveFile, path: string): ArchivedFile {
  const found = archive.find(path);
  if (found === undefined) throw ociInvalid(`image archive ${archive.path}`, `${quote(path)} is missing in it`);
  return found;
}

function parseSaved(bytes: Buffer): readonly SavedEntry[] {
  const what = 'manifest.json';
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw ociInvalid(what, 'not JSON', error);
  }
  if (!Array.isArray(document)) throw ociInvalid(what, 'it is not a list');
  if (document.length > mostImages) throw ociInvalid(what, `it has more than ${mostImages} images`);
  return document.map((value: unknown, index) => {
    const object = asObject(what, `[${index}]`, value);
    return {
      config: requiredString(what, object, 'Config'),
      names: optionalStrings(what, object, 'RepoTags', mostImages) ?? [],
      layers: optionalStrings(what, object, 'Layers', mostLayers) ?? [],
    };
  });
}

function choose(images: readonly SavedEntry[], name: string | undefined, path: string): SavedEntry {
  const [only, second] = images;
  if (name === undefined && only !== undefined && second === undefined) return only;
  const wanted = name ?? 'latest';
  const byName = images.find(({names}) => names.some((other) => normalReference(other) === normalReference(wanted)));
  const byTag = images.find(({names}) => names.some((other) => other.endsWith(`:${wanted}`)));
  const found = byName ?? byTag;
  if (found !== undefined) return found;
  const has = images.flatMap(({names}) => names.map((other) => familiar(other)));
  throw new BuildError('NOT_FOUND', `the archive ${path} has no image ${quote(wanted)}${didYouMean(wanted, has)}`, {
    remedy: has.length === 0 ? 'Its images have no names.' : `It has ${has.join(', ')}.`,
  });
}

function familiar(name: string): string {
  try {
    return familiarName(parseReference(name));
  } catch {
    return name;
  }
}
