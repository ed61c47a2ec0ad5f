import {BuildError, quote} from '../base/errors.js';
import {hexOf} from '../oci/digest.js';
import type {Reference} from '../oci/reference.js';
import type {BlobDescriptor} from './fetch-blob.js';
import type {Session} from './session.js';
import {discard, type HttpResponse} from './transport.js';

/** A blob to be pushed. */
export interface PushedBlob extends BlobDescriptor {
  /** Its bytes from the start; asked again after a connection that was lost. */
  open(): AsyncIterable<Uint8Array>;
  /** Another repository of the same registry that probably has it: `library/debian`. */
  readonly mountFrom?: string;
}

/** What it took: it was there, the registry took it over from `mountFrom`, or its bytes were sent. */
export type PushOutcome = 'exists' | 'mounted' | 'pushed';

/**
 * Puts a blob into the reference's repository, unless it is there (distribution-spec, push). An upload that breaks off, and
 * an answer of 429 or 5xx, is tried again. Rejects as `Session.ask`, or with what `open` throws.
 */
export async function pushBlob(
  session: Session,
  reference: Reference,
  blob: PushedBlob,
  signal: AbortSignal,
  progress?: (current: number, total: number) => void,
): Promise<PushOutcome> {
  const {digest, size} = blob;
  if (await hasBlob(session, reference, blob, signal)) return 'exists';
  const from = blob.mountFrom === reference.path ? undefined : blob.mountFrom;
  const mount = from === undefined ? '' : `?${new URLSearchParams({mount: digest, from}).toString()}`;
  const question = {
    method: 'POST' as const,
    path: `/blobs/uploads/${mount}`,
    headers: {'content-length': '0'},
    what: `the upload of ${shortName(blob)}`,
    push: true,
    ...(from !== undefined && {from}),
  };
  return session.ask(
    reference,
    question,
    async (response, onward) => {
      discard(response);
      if (response.status === 201) return 'mounted';
      const put = await onward(withDigest(locationOf(response), digest), {
        method: 'PUT',
        headers: {'content-type': 'application/octet-stream', 'content-length': String(size)},
        body: () => counted(blob.open(), (current) => progress?.(current, size)),
      });
      discard(put);
      return 'pushed';
    },
    signal,
  );
}

/** Whether the repository has the blob. Asks the registry itself, with the right to push. */
export async function hasBlob(
  session: Session,
  reference: Reference,
  blob: BlobDescriptor,
  signal: AbortSignal,
): Promise<boolean> {
  const question = {method: 'HEAD' as const, path: `/blobs/${blob.digest}`, what: shortName(blob), push: true};
  try {
    const found = (response: HttpResponse): Promise<boolean> => {
      discard(response);
      return Promise.resolve(true);
    };
    return await session.ask(reference, question, found, signal);
  } catch (error) {
    if (error instanceof BuildError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

const shortName = ({digest}: BlobDescriptor): string => `the blob sha256:${hexOf(digest).slice(0, 12)}`;

function locationOf({headers, host}: HttpResponse): string {
  const {location} = headers;
  if (location === undefined || location === '') {
    throw new BuildError('REGISTRY_FAILED', `${host} takes an upload and does not say where`);
  }
  return location;
}

/** The location may be relative, and has a query of its own, which must stay as it is. */
function withDigest(location: string, digest: string): string {
  if (location.includes('#')) throw new BuildError('REGISTRY_FAILED', `not a place for an upload: ${quote(location)}`);
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  tell: (current: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let current = 0;
  for await (const chunk of source) {
    current += chunk.length;
    yield chunk;
    tell(current);
  }
}
