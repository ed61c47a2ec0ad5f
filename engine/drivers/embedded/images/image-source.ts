import type {ImageConfig} from '../../../oci/config.js';
import type {Digest} from '../../../oci/digest.js';
import type {Platform} from '../../../oci/platform.js';

/** A layer of a base image, as it is kept where it comes from. */
export interface ImageLayer {
  /** Of the bytes that `open` gives. */
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** Says the compression: `layerCompression`. */
  readonly mediaType: string;
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest;
}

/** A base image for one platform. Manifest and configuration have been verified. */
export interface ResolvedImage {
  /** As it was asked for, normalised. */
  readonly reference: string;
  /** Of what the reference names, the index where there is one: what a user pins. Undefined: scratch, or an archive without manifests. */
  readonly digest: Digest | undefined;
  /** Undefined: scratch, or an archive without manifests. */
  readonly manifestDigest: Digest | undefined;
  /** Undefined: scratch. */
  readonly configDigest: Digest | undefined;
  readonly config: ImageConfig;
  /** The lowest first. */
  readonly layers: readonly ImageLayer[];
  /**
   * The layer's bytes, as its media type says; verified by `digest`, so not to be trusted before the iteration has ended.
   * Rejects with DIGEST_MISMATCH, NOT_FOUND, or as the source fails.
   */
  open(layer: ImageLayer, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Brings the layers (default all) to where `open` reads them from this machine, several at once; nothing where they are
   * there. `progress` gets bytes.
   */
  fetch(
    signal: AbortSignal,
    layers?: readonly ImageLayer[],
    progress?: (digest: Digest, current: number, total: number) => void,
  ): Promise<void>;
}

export interface ImageSource {
  /**
   * `scratch`, `oci-layout://PATH[:TAG][@DIGEST]`, `docker-archive://PATH[:TAG]`, or an image reference. Rejects with
   * NOT_FOUND, OCI_INVALID, DIGEST_MISMATCH, UNSUPPORTED, or as a registry fails.
   */
  resolve(reference: string, platform: Platform, signal: AbortSignal): Promise<ResolvedImage>;
  /** Closes connections and files. Idempotent. */
  close(): Promise<void>;
}
