import type {ImageConfig} from '../oci/config.js';
import {type Digest, verifyBytes} from '../oci/digest.js';
import {ociInvalid} from '../oci/json.js';
import type {Manifest} from '../oci/manifest.js';
import {configLimit, parseImageConfig} from '../oci/parse-config.js';
import type {Platform} from '../oci/platform.js';
import {familiarName, type Reference} from '../oci/reference.js';
import {selectManifest} from '../oci/select-platform.js';
import {fetchBlob} from './fetch-blob.js';
import {type FetchedManifest, fetchManifest} from './fetch-manifest.js';
import type {Session} from './session.js';

/** What a registry says of an image for one platform; its layers are still there. */
export interface RemoteImage {
  /** Of what the reference names: the index where there is one. */
  readonly digest: Digest;
  readonly manifestDigest: Digest;
  readonly manifest: Manifest;
  /** As they came: what `manifestDigest` is of. */
  readonly manifestBytes: Uint8Array;
  readonly configDigest: Digest;
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
}

/** Indexes may hold indexes; more than this is no image of anyone. */
const deepest = 3;

/** Reference → index → manifest for `platform` → configuration, each verified by the digest that names it. */
export async function resolveImage(
  session: Session,
  reference: Reference,
  platform: Platform,
  signal: AbortSignal,
): Promise<RemoteImage> {
  const name = familiarName(reference);
  const first = await fetchManifest(session, reference, signal);
  let found: FetchedManifest = first;
  for (let depth = 0; found.document.kind === 'index'; depth++) {
    if (depth >= deepest) throw ociInvalid(`image ${name}`, `indexes within indexes, more than ${deepest} deep`);
    const chosen = selectManifest(found.document.index, platform, name);
    const {domain, path} = reference;
    found = await fetchManifest(session, {domain, path, digest: chosen.digest}, signal, chosen);
  }
  const {manifest} = found.document;
  const configBytes = await readConfig(session, reference, manifest, name, signal);
  const config = parseImageConfig(configBytes);
  checkLayers(name, manifest, config.rootfs.diff_ids);
  return {
    digest: first.digest,
    manifestDigest: found.digest,
    manifest,
    manifestBytes: found.bytes,
    configDigest: manifest.config.digest,
    config,
    configBytes,
  };
}

/** Throws OCI_INVALID unless there is one diff ID for each layer. */
export function checkLayers(name: string, manifest: Manifest, diffIds: readonly string[]): void {
  const [layers, ids] = [manifest.layers.length, diffIds.length];
  if (layers !== ids)
    throw ociInvalid(`image ${name}`, `its manifest has ${layers} layers and its config ${ids} diff IDs`);
}

async function readConfig(
  session: Session,
  reference: Reference,
  manifest: Manifest,
  name: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const {digest, size} = manifest.config satisfies {digest: Digest; size: number};
  if (size > configLimit) throw ociInvalid(`image ${name}`, `its configuration is larger than ${configLimit} bytes`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of fetchBlob(session, reference, {digest, size}, signal)) chunks.push(chunk);
  return verifyBytes(`the configuration of ${name}`, Buffer.concat(chunks), {digest, size});
}
