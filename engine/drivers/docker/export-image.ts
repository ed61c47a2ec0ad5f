import {BuildError, messageOf} from '../../base/errors.js';
import {oneChunk} from '../../base/one-chunk.js';
import {type Digest, digestOf, isDigest} from '../../oci/digest.js';
import {ociInvalid} from '../../oci/json.js';
import {configLimit, parseImageConfig} from '../../oci/parse-config.js';
import {familiarName, type Reference, withDefaultTag} from '../../oci/reference.js';
import {claimBlob, readBlobBytes, readBlobFrom, writeBlob} from '../../store/blobs.js';
import {readCompressed, writeCompressed} from '../../store/compressed.js';
import {closeStore, openStore} from '../../store/open.js';
import type {Store} from '../../store/store.js';
import type {ExportedImage, ExportedLayer, LayerForm, ReadyLayer} from '../driver.js';
import {imagePath, inspectImage, statusOf} from './api.js';
import {type Daemon, openDaemon} from './daemon.js';
import type {DockerEndpoint} from './endpoint.js';
import {readSavedImage} from './saved-image.js';
import {readStage} from './stage-images.js';

/**
 * An image of the daemon by its name. What registries get of it, compressed layers, is kept in the store at `root`: an image
 * whose layers are known there is not read from the daemon at all. Rejects with NOT_FOUND, DAEMON_FAILED.
 */
export async function exportFromDaemon(
  endpoint: DockerEndpoint,
  root: string,
  reference: Reference,
  signal: AbortSignal,
  progress: (current: number, total: number) => void = () => undefined,
): Promise<ExportedImage> {
  const daemon = await openDaemon(endpoint, signal);
  const store = openStore(root, signal);
  const close = (): Promise<void> => {
    closeStore(store);
    daemon.close();
    return Promise.resolve();
  };
  try {
    const name = familiarName(withDefaultTag(reference));
    const found = await inspectImage(daemon, name, signal).catch((error: unknown) => {
      throw statusOf(error) === 404 ? noSuchImage(name, error) : error;
    });
    const total = found.Size ?? 0;
    const save = (): Promise<SavedForms> => readWhole(daemon, store, name, (bytes) => progress(bytes, total), signal);
    let saved: Promise<SavedForms> | undefined;
    const read = (): Promise<SavedForms> => {
      saved ??= save();
      saved.catch(() => (saved = undefined));
      return saved;
    };
    const id = found.Id ?? '';
    const diffIds = (found.RootFS?.Layers ?? []).filter(isDigest);
    const known = diffIds.every((diffId) => readCompressed(store, diffId) !== undefined);
    const configBytes = known && isDigest(id) ? storedConfig(store, id, diffIds) : undefined;
    const bytes = configBytes ?? (await read()).configBytes;
    const config = parseImageConfig(bytes);
    return {
      driver: 'docker',
      configBytes: bytes,
      configDigest: digestOf(bytes),
      config,
      layers: config.rootfs.diff_ids.map((diffId) => exported(store, diffId as Digest, read)),
      readTree: (path, abort) => readStage(daemon, name, path, abort),
      digestOf: (other, abort) => repositoryDigest(daemon, other, abort),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The digest that the image was pulled by; undefined for one that never came from a registry. */
async function repositoryDigest(daemon: Daemon, reference: string, signal: AbortSignal): Promise<Digest | undefined> {
  try {
    const {RepoDigests: digests} = await inspectImage(daemon, reference, signal);
    const digest = (digests ?? []).map((text) => text.slice(text.indexOf('@') + 1)).find(isDigest);
    return digest;
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return undefined;
  }
}

function noSuchImage(name: string, cause: unknown): BuildError {
  return new BuildError('NOT_FOUND', `the daemon has no image ${name}`, {
    remedy: 'Build it first, or name another with --image.',
    cause,
  });
}

interface SavedForms {
  readonly configBytes: Buffer;
  /** By diff ID. */
  readonly forms: ReadonlyMap<string, LayerForm>;
}

/** The configuration as it was kept when the image was read from the daemon before. */
function storedConfig(store: Store, id: Digest, diffIds: readonly string[]): Buffer | undefined {
  if (!claimBlob(store, id)) return undefined;
  try {
    const bytes = readBlobBytes(store, id, configLimit);
    const same = JSON.stringify(parseImageConfig(bytes).rootfs.diff_ids) === JSON.stringify(diffIds);
    return same ? bytes : undefined;
  } catch {
    // A containerd store calls an image by its manifest, which is no configuration.
    return undefined;
  }
}

async function readWhole(
  daemon: Daemon,
  store: Store,
  name: string,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<SavedForms> {
  const response = await daemon.request({method: 'GET', path: `${imagePath(name)}/get`}, signal);
  try {
    const {configBytes, layers} = await readSavedImage(response as AsyncIterable<Uint8Array>, store, progress, signal);
    const ids = parseImageConfig(configBytes).rootfs.diff_ids;
    if (ids.length !== layers.length) {
      throw ociInvalid(`image ${name}`, `it has ${layers.length} layers and ${ids.length} diff IDs`);
    }
    const forms = new Map<string, LayerForm>();
    for (const [index, {mediaType, digest, size, diffId}] of layers.entries()) {
      const id = ids[index] ?? '';
      if (!isDigest(id) || (diffId !== undefined && diffId !== id)) {
        throw ociInvalid(`image ${name}`, `its layer ${index + 1} is not the one that its configuration names`);
      }
      forms.set(id, {mediaType, digest, size});
      writeCompressed(store, id, {mediaType, digest, size});
    }
    const configDigest = digestOf(configBytes);
    await writeBlob(store, oneChunk(configBytes), {digest: configDigest, size: configBytes.length});
    return {configBytes, forms};
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) throw error;
    throw new BuildError('DAEMON_FAILED', `the daemon gave no whole archive of ${name}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    response.destroy();
  }
}

function exported(store: Store, diffId: Digest, read: () => Promise<SavedForms>): ExportedLayer {
  const remembered = readCompressed(store, diffId);
  return {
    diffId,
    known: remembered,
    places: remembered?.places ?? [],
    async ready() {
      if (remembered !== undefined && claimBlob(store, remembered.digest)) return readable(store, remembered);
      const form = (await read()).forms.get(diffId);
      if (form === undefined) throw new Error(`unreachable: the layer ${diffId} was read`);
      return readable(store, form);
    },
    keptBy: (place, form) => writeCompressed(store, diffId, form, [place]),
  };
}

function readable(store: Store, {mediaType, digest, size}: LayerForm): ReadyLayer {
  return {mediaType, digest, size, open: (offset) => readBlobFrom(store, digest, offset)};
}
