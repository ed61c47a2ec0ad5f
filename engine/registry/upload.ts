import {BuildError, quote} from '../base/errors.js';
import {hexOf} from '../oci/digest.js';
import type {Reference} from '../oci/reference.js';
import type {BlobDescriptor} from './fetch-blob.js';
import type {Question, Session} from './session.js';
import {discard, type HttpResponse} from './transport.js';

/** A blob to be pushed. */
export interface PushedBlob extends BlobDescriptor {
  /** Its bytes from `offset` on; asked again after a connection that was lost. */
  open(offset: number): AsyncIterable<Uint8Array>;
  /** Another repository of the same registry that probably has it: `library/debian`. */
  readonly mountFrom?: string;
}

/** What it took: it was there, the registry took it over from `mountFrom`, or its bytes were sent. */
export type PushOutcome = 'exists' | 'mounted' | 'pushed';

/** Asks for a place to upload to, or for the blob of another repository. */
export function uploadQuestion(reference: Reference, blob: PushedBlob): Question {
  const from = blob.mountFrom === reference.path ? undefined : blob.mountFrom;
  const mount = from === undefined ? '' : `?${new URLSearchParams({mount: blob.digest, from}).toString()}`;
  return {
    method: 'POST',
    path: `/blobs/uploads/${mount}`,
    headers: {'content-length': '0'},
    what: `the upload of ${shortName(blob)}`,
    push: true,
    ...(from !== undefined && {from}),
  };
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

export const shortName = ({digest}: BlobDescriptor): string => `the blob sha256:${hexOf(digest).slice(0, 12)}`;

export function locationOf({headers, host}: HttpResponse): string {
  const {location} = headers;
  if (location === undefined || location === '') {
    throw new BuildError('REGISTRY_FAILED', `${host} takes an upload and does not say where`);
  }
  return location;
}

/** The location may be relative, and has a query of its own, which must stay as it is. */
export function withDigest(location: string, digest: string): string {
  if (location.includes('#')) throw new BuildError('REGISTRY_FAILED', `not a place for an upload: ${quote(location)}`);
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

export async function* counted(
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
