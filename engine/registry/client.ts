import {mapLimited} from '../base/concurrency.js';
import type {Digest} from '../oci/digest.js';
import type {Platform} from '../oci/platform.js';
import type {Reference} from '../oci/reference.js';
import {type BlobDescriptor, fetchBlob} from './fetch-blob.js';
import {fetchDigest, type FetchedManifest, fetchManifest} from './fetch-manifest.js';
import {type PushedBlob, type PushOutcome, pushBlob} from './push-blob.js';
import {type PushedManifest, pushManifest} from './push-manifest.js';
import {type RemoteImage, resolveImage} from './resolve-image.js';
import {createSession, type SessionOptions} from './session.js';

export interface RegistryOptions extends SessionOptions {
  /** Blobs at once (default 4). */
  readonly parallel?: number;
}

/** Where blobs go: a store. */
export interface BlobSink {
  has(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /**
   * Keeps the bytes when `stream` has ended without an error, and nothing of them otherwise: the digest is checked by the
   * stream's end.
   */
  write(digest: Digest, size: number, stream: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
}

/**
 * Reads from registries and writes to them (distribution-spec, pull and push). Everything rejects with BuildError REGISTRY_AUTH, REGISTRY_FAILED,
 * REGISTRY_UNREACHABLE, NOT_FOUND, OCI_INVALID or DIGEST_MISMATCH, naming host and repository and never a secret, or
 * with the signal's reason.
 */
export interface RegistryClient {
  /** Manifest and configuration for `platform`: a few kilobytes, no layer. */
  resolve(reference: Reference, platform: Platform, signal: AbortSignal): Promise<RemoteImage>;
  /** Digest behind a tag, with one small request. */
  digest(reference: Reference, signal: AbortSignal): Promise<Digest>;
  /** Manifest or index, as it came; see `fetchManifest`. */
  manifest(reference: Reference, signal: AbortSignal): Promise<FetchedManifest>;
  /** Verified at its end only; see `fetchBlob`. */
  blob(reference: Reference, blob: BlobDescriptor, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** What the sink has not yet, several at once. `progress` gets bytes. The first failure stops the others. */
  blobs(
    reference: Reference,
    blobs: readonly BlobDescriptor[],
    sink: BlobSink,
    signal: AbortSignal,
    progress?: (digest: Digest, current: number, total: number) => void,
  ): Promise<void>;
  /** What the repository has not yet, several at once; see `pushBlob`. The first failure stops the others. */
  push(
    reference: Reference,
    blobs: readonly PushedBlob[],
    signal: AbortSignal,
    progress?: (digest: Digest, current: number, total: number, outcome?: PushOutcome) => void,
  ): Promise<void>;
  /** Last, when all that it names is there; see `pushManifest`. */
  pushManifest(reference: Reference, manifest: PushedManifest, signal: AbortSignal): Promise<Digest>;
  /** Closes all connections. Idempotent. */
  close(): Promise<void>;
}

/** Nothing is loaded or connected before the first call. */
export function createRegistryClient(options: RegistryOptions): RegistryClient {
  const session = createSession(options);
  return {
    resolve: (reference, platform, signal) => resolveImage(session, reference, platform, signal),
    digest: (reference, signal) => fetchDigest(session, reference, signal),
    manifest: (reference, signal) => fetchManifest(session, reference, signal),
    blob: (reference, blob, signal) => fetchBlob(session, reference, blob, signal),
    async blobs(reference, blobs, sink, signal, progress) {
      // An image may have one layer twice.
      const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
      await mapLimited(
        unique,
        options.parallel ?? 4,
        async (blob, _, either) => {
          const {digest, size} = blob;
          if (await sink.has(digest, either)) return progress?.(digest, size, size);
          const bytes = fetchBlob(session, reference, blob, either);
          await sink.write(
            digest,
            size,
            counted(bytes, (current) => progress?.(digest, current, size)),
            either,
          );
        },
        signal,
      );
    },
    async push(reference, blobs, signal, progress) {
      const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
      await mapLimited(
        unique,
        options.parallel ?? 4,
        async (blob, _, either) => {
          const {digest, size} = blob;
          const tell = (current: number): void => progress?.(digest, current, size);
          const outcome = await pushBlob(session, reference, blob, either, tell);
          progress?.(digest, size, size, outcome);
        },
        signal,
      );
    },
    pushManifest: (reference, manifest, signal) => pushManifest(session, reference, manifest, signal),
    close: () => session.close(),
  };
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  tell: (current: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let current = 0;
  for await (const chunk of source) {
    current += chunk.length;
    tell(current);
    yield chunk;
  }
}
