import {posix} from 'node:path';
import {readTar} from '../../base/tar-entries.js';
import type {Digest} from '../../oci/digest.js';
import {asObject, ociInvalid, optionalStrings, requiredString} from '../../oci/json.js';
import {configLimit} from '../../oci/parse-config.js';
import {mediaTypes} from '../../oci/media-types.js';
import {compressLayer} from '../../snapshot/compressed-layer.js';
import {writeBlob} from '../../store/blobs.js';
import type {Store} from '../../store/store.js';
import type {LayerForm} from '../driver.js';

/** A layer as it was in the archive; the diff ID is known where it was not compressed there. */
export interface SavedLayer extends LayerForm {
  readonly diffId: Digest | undefined;
}

export interface SavedImage {
  readonly configBytes: Buffer;
  /** The lowest first. */
  readonly layers: readonly SavedLayer[];
}

const mostDocuments = 64 * 1024 * 1024;
const mostLayers = 1000;

/**
 * Reads what `docker save` writes of one image, in one pass and as it comes: plain layers are compressed into the store,
 * compressed ones are stored as they are. Rejects with OCI_INVALID, ARCHIVE_INVALID, NO_SPACE, IO.
 */
export async function readSavedImage(
  archive: AsyncIterable<Uint8Array>,
  store: Store,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<SavedImage> {
  const documents = new Map<string, Buffer>();
  const layers = new Map<string, SavedLayer>();
  const links = new Map<string, string>();
  let documentBytes = 0;
  let layerBytes = 0;
  for await (const {header, content} of readTar(archive, signal)) {
    const {name, type, linkname} = header;
    if (type === 'symlink' || type === 'link') {
      const from = type === 'symlink' ? posix.dirname(name) : '.';
      links.set(posix.normalize(name), posix.join(from, linkname));
    }
    if (type !== 'file') continue;
    const path = posix.normalize(name);
    const {size} = header;
    const {first, all} = await peek(content());
    if (isLayer(path, first)) {
      const before = layerBytes;
      const tell = (bytes: number): void => progress(before + bytes);
      layers.set(path, await storeLayer(store, all, first, tell, signal));
      layerBytes += size;
    } else if (size <= configLimit) {
      documentBytes += size;
      if (documentBytes > mostDocuments) throw ociInvalid('image archive', 'its documents are too large');
      documents.set(path, await whole(all));
    }
  }
  const find = <T>(map: ReadonlyMap<string, T>, path: string): T => {
    const at = posix.normalize(path);
    const found = map.get(at) ?? map.get(links.get(at) ?? '');
    if (found === undefined) throw ociInvalid('image archive', `${path} is missing in it`);
    return found;
  };
  const {config, paths} = parseManifest(find(documents, 'manifest.json'));
  return {configBytes: find(documents, config), layers: paths.map((path) => find(layers, path))};
}

interface Peeked {
  /** Empty for an empty file. */
  readonly first: Uint8Array;
  /** From the start. */
  readonly all: AsyncIterable<Uint8Array>;
}

async function peek(content: AsyncIterable<Uint8Array>): Promise<Peeked> {
  const iterator = content[Symbol.asyncIterator]();
  const start = await iterator.next();
  const first = start.done === true ? new Uint8Array() : start.value;
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    if (start.done === true) return;
    yield first;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  }
  return {first, all: all()};
}

const magics = {gzip: '1f8b', zstd: '28b52ffd'} as const;
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 4)).toString('hex');

/** Blobs of a layout have no names that say what they are. */
function isLayer(path: string, first: Uint8Array): boolean {
  if (path.endsWith('/layer.tar')) return true;
  if (!path.startsWith('blobs/')) return false;
  const start = hexOf(first);
  // Documents are JSON objects; a tar starts with a name, which is no brace and a quote.
  return start.startsWith(magics.gzip) || start === magics.zstd || (first.length >= 512 && !looksLikeJson(first));
}

function looksLikeJson(bytes: Uint8Array): boolean {
  return /^\s*\{\s*["}]/.test(Buffer.from(bytes.subarray(0, 64)).toString('latin1'));
}

async function storeLayer(
  store: Store,
  content: AsyncIterable<Uint8Array>,
  first: Uint8Array,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<SavedLayer> {
  const start = hexOf(first);
  const gzip = start.startsWith(magics.gzip);
  if (!gzip && start !== magics.zstd) return compressLayer(store, content, signal, progress);
  const blob = await writeBlob(store, content);
  return {...blob, mediaType: gzip ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd, diffId: undefined};
}

async function whole(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parseManifest(bytes: Buffer): {readonly config: string; readonly paths: readonly string[]} {
  const what = 'manifest.json';
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw ociInvalid(what, 'not JSON', error);
  }
  if (!Array.isArray(document) || document.length !== 1) throw ociInvalid(what, 'it is not about one image');
  const object = asObject(what, '[0]', document[0]);
  return {
    config: requiredString(what, object, 'Config'),
    paths: optionalStrings(what, object, 'Layers', mostLayers) ?? [],
  };
}
