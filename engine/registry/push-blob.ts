import type {Reference} from '../oci/reference.js';
import {sendInPieces} from './resumable-upload.js';
import type {Session} from './session.js';
import {discard} from './transport.js';
import {counted, hasBlob, locationOf, type PushedBlob, type PushOutcome, uploadQuestion, withDigest} from './upload.js';

export {hasBlob, type PushedBlob, type PushOutcome} from './upload.js';

/** Above this an upload is worth to be taken up again; below it goes with one request less. */
const worthResuming = 4 * 1024 * 1024;

/**
 * Puts a blob into the reference's repository, unless it is there (distribution-spec, push). An upload that breaks off is
 * taken up where the registry has it, or made anew; an answer of 429 or 5xx is tried again. Rejects as `Session.ask`, or with
 * what `open` throws.
 */
export async function pushBlob(
  session: Session,
  reference: Reference,
  blob: PushedBlob,
  signal: AbortSignal,
  progress?: (current: number, total: number) => void,
): Promise<PushOutcome> {
  if (await hasBlob(session, reference, blob, signal)) return 'exists';
  return sendBlob(session, reference, blob, signal, progress);
}

/** `pushBlob` for a blob that is known not to be there. */
export async function sendBlob(
  session: Session,
  reference: Reference,
  blob: PushedBlob,
  signal: AbortSignal,
  progress?: (current: number, total: number) => void,
): Promise<PushOutcome> {
  if (blob.size >= worthResuming) return sendInPieces(session, reference, blob, signal, progress);
  return session.ask(
    reference,
    uploadQuestion(reference, blob),
    async (response, onward) => {
      discard(response);
      if (response.status === 201) return 'mounted';
      const put = await onward(withDigest(locationOf(response), blob.digest), {
        method: 'PUT',
        headers: {'content-type': 'application/octet-stream', 'content-length': String(blob.size)},
        body: () => counted(blob.open(0), (current) => progress?.(current, blob.size)),
      });
      discard(put);
      return 'pushed';
    },
    signal,
  );
}
