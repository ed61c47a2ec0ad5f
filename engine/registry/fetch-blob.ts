import {BuildError, messageOf} from '../base/errors.js';
import {createHasher, checkDigest, hexOf, type Digest} from '../oci/digest.js';
import type {Descriptor} from '../oci/manifest.js';
import {repositoryOf, type Reference} from '../oci/reference.js';
import type {Session} from './session.js';
import {discard, type HttpResponse} from './transport.js';

/** Digest and size (bytes) of what is fetched. */
export type BlobDescriptor = Pick<Descriptor, 'digest' | 'size'>;

/**
 * The bytes of a blob. A connection that is lost is taken up where it broke off (distribution-spec, Range), also at another
 * endpoint. Throws DIGEST_MISMATCH at the first byte too many, or at the end: nobody must trust the bytes before the
 * iteration has ended. Ending it early closes the connection.
 */
export async function* fetchBlob(
  session: Session,
  reference: Reference,
  blob: BlobDescriptor,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const what = `the blob ${shortDigest(blob.digest)} of ${repositoryOf(reference)}`;
  const hasher = createHasher();
  let failures = 0;
  for (let started = false; !started || hasher.size < blob.size; started = true) {
    const offset = hasher.size;
    const question = {
      method: 'GET' as const,
      path: `/blobs/${blob.digest}`,
      what: `the blob ${shortDigest(blob.digest)}`,
      headers: offset === 0 ? {} : {range: `bytes=${offset}-`},
    };
    const response = await session.ask(reference, question, (answer) => Promise.resolve(answer), signal);
    let lost: unknown;
    try {
      let skip = offset - startOf(response, offset, what);
      for await (const chunk of response.body) {
        // A server without ranges starts again: what is there already is passed over.
        const fresh = skip === 0 ? chunk : chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - fresh.length;
        if (fresh.length === 0) continue;
        hasher.update(fresh);
        if (hasher.size > blob.size) {
          throw new BuildError('DIGEST_MISMATCH', `${what} has more than the expected ${blob.size} bytes`);
        }
        yield fresh;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof BuildError) throw error;
      lost = error;
    } finally {
      discard(response);
    }
    if (hasher.size >= blob.size) break;
    failures = hasher.size > offset ? 1 : failures + 1;
    if (failures > session.retries) {
      const why = lost === undefined ? 'the answer ends too early' : messageOf(lost);
      throw new BuildError('REGISTRY_UNREACHABLE', `${response.host} does not deliver ${what}: ${why}`, {
        remedy: `It broke off after ${hasher.size} of ${blob.size} bytes. Try again later.`,
        cause: lost,
      });
    }
    await session.pause(failures, signal);
  }
  checkDigest(what, {digest: hasher.digest(), size: hasher.size}, blob);
}

function shortDigest(digest: Digest): string {
  return `sha256:${hexOf(digest).slice(0, 12)}`;
}

/** Where in the blob the body starts. */
function startOf({status, headers, host}: HttpResponse, asked: number, what: string): number {
  if (status !== 206) return 0;
  const start = /^bytes ([0-9]+)-/.exec(headers['content-range'] ?? '')?.[1];
  if (start === undefined || Number(start) > asked) {
    throw new BuildError('REGISTRY_FAILED', `${host} answers a part of ${what} that was not asked for`);
  }
  return Number(start);
}
