import {BuildError} from '../../../base/errors.js';
import {oneChunk} from '../../../base/one-chunk.js';
import {type Digest, verifyStream} from '../../../oci/digest.js';
import {
  blobPath,
  indexFile,
  layoutEntries,
  layoutFile,
  renderLayoutFile,
  renderLayoutIndex,
} from '../../../oci/layout.js';
import {familiarName, formatReference, parseReference, withDefaultTag} from '../../../oci/reference.js';
import {byteString, noXattrs, paddingOf} from '../../../snapshot/tar-entry.js';
import {endOfArchive, headerBlocks} from '../../../snapshot/tar-writer.js';
import type {DescribedImage} from './finished-image.js';

/** A file of a layout: bytes, or a layer. */
export interface LayoutFile {
  readonly name: string;
  readonly size: number;
  /** Verified at its end. */
  readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/** The names of an image as a layout's index has them. Throws REFERENCE_INVALID. */
export function layoutNames(tags: readonly string[]): readonly {readonly name: string; readonly tag: string}[] {
  return tags.map((text) => {
    const reference = withDefaultTag(parseReference(text));
    return {name: formatReference(reference), tag: reference.tag ?? 'latest'};
  });
}

/** The blobs of an image, each once, in the order of their digests. */
export function imageBlobs(image: DescribedImage): readonly (LayoutFile & {readonly digest: Digest})[] {
  const small = [
    {digest: image.configDigest, bytes: image.configBytes},
    {digest: image.descriptor.digest, bytes: image.manifestBytes},
  ].map(({digest, bytes}) => ({digest, size: bytes.length, open: () => oneChunk(bytes)}));
  const layers = image.layers.map(({digest, size, open}) => ({
    digest,
    size,
    open: (signal: AbortSignal) => verifyStream(`the layer ${digest}`, open(signal), {digest, size}),
  }));
  const unique = new Map([...layers, ...small].map((blob) => [blob.digest, blob]));
  return [...unique.values()]
    .map((blob) => ({...blob, name: blobPath(blob.digest)}))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Every file of the images' archive (OCI image-spec, image-layout.md), each once, sorted; with `docker` also the `manifest.json` that
 * `docker load` reads.
 */
export function imageFiles(images: readonly DescribedImage[], docker: boolean): readonly LayoutFile[] {
  const file = (name: string, bytes: Buffer): LayoutFile => ({name, size: bytes.length, open: () => oneChunk(bytes)});
  const index = renderLayoutIndex(images.flatMap(({descriptor, tags}) => layoutEntries(descriptor, layoutNames(tags))));
  const blobs = new Map(images.flatMap(imageBlobs).map((blob) => [blob.digest, blob]));
  return [
    ...[...blobs.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    file(indexFile, index),
    ...(docker ? [file('manifest.json', dockerManifest(images))] : []),
    file(layoutFile, renderLayoutFile()),
  ];
}

function dockerManifest(images: readonly DescribedImage[]): Buffer {
  const documents = images.map(({configDigest, tags, layers}) => {
    const names = tags.map((text) => familiarName(withDefaultTag(parseReference(text))));
    return {
      Config: blobPath(configDigest),
      RepoTags: names.length === 0 ? null : names,
      Layers: layers.map(({digest}) => blobPath(digest)),
    };
  });
  return Buffer.from(JSON.stringify(documents));
}

/** One tar of the files, the same bytes for the same files; `epoch`: the time of every entry, seconds since 1970. */
export async function* tarOf(
  files: readonly LayoutFile[],
  epoch: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const header = (name: string, type: 'file' | 'directory', size: number) =>
    headerBlocks({
      name: byteString(name),
      type,
      mode: type === 'file' ? 0o644 : 0o755,
      uid: 0,
      gid: 0,
      size,
      mtime: {seconds: epoch, nanoseconds: 0},
      link: '',
      major: 0,
      minor: 0,
      xattrs: noXattrs,
    });
  const made = new Set<string>();
  for (const {name, size, open} of files) {
    signal.throwIfAborted();
    for (let at = name.indexOf('/'); at !== -1; at = name.indexOf('/', at + 1)) {
      const directory = name.slice(0, at + 1);
      if (!made.has(directory)) yield header(directory, 'directory', 0);
      made.add(directory);
    }
    yield header(name, 'file', size);
    let written = 0;
    for await (const chunk of open(signal)) {
      signal.throwIfAborted();
      written += chunk.length;
      yield chunk;
    }
    if (written !== size) throw new BuildError('DIGEST_MISMATCH', `${name} has ${written} bytes instead of ${size}`);
    yield endOfArchive.subarray(0, paddingOf(size));
  }
  yield endOfArchive;
}
