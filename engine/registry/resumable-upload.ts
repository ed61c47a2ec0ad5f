import {BuildError} from '../base/errors.js';
import type {Reference} from '../oci/reference.js';
import {TransientFailure} from './failure.js';
import {
  counted,
  hasBlob,
  locationOf,
  type PushedBlob,
  type PushOutcome,
  shortName,
  uploadQuestion,
  withDigest,
} from './upload.js';
import {longestWait, type Question, type Session} from './session.js';
import {discard, type HttpResponse} from './transport.js';

/** An upload that the registry has opened. */
interface Upload {
  /** Where it goes on. */
  readonly location: string;
  /** Bytes that the registry has; undefined: it must be asked. */
  readonly offset: number | undefined;
}

/**
 * Sends a blob as one PATCH, closed by a PUT (distribution-spec, pushing a blob in chunks). A connection that breaks off is
 * followed by the question what has arrived; an upload that is not known any more, as after a restart of the registry, is
 * made anew.
 */
export async function sendInPieces(
  session: Session,
  reference: Reference,
  blob: PushedBlob,
  signal: AbortSignal,
  progress: (current: number, total: number) => void = () => undefined,
): Promise<PushOutcome> {
  const ask = <T>(
    question: Omit<Question, 'what' | 'push' | 'path'>,
    use: (response: HttpResponse) => T,
  ): Promise<T> => {
    const whole = {path: '', what: `the upload of ${shortName(blob)}`, push: true, once: true, ...question};
    return session.ask(
      reference,
      whole,
      (response) => {
        discard(response);
        return Promise.resolve(use(response));
      },
      signal,
    );
  };
  const {size, digest} = blob;
  let upload: Upload | undefined;
  let furthest = 0;
  for (let failures = 0; ;) {
    try {
      if (upload === undefined) {
        const place: string | undefined = await ask(uploadQuestion(reference, blob), (response) =>
          response.status === 201 ? undefined : locationOf(response),
        );
        if (place === undefined) return 'mounted';
        upload = {location: place, offset: 0};
      }
      const at: string = upload.location;
      if (upload.offset === undefined) {
        upload = await ask({method: 'GET', at}, (response) => ({
          location: response.headers.location ?? at,
          offset: arrived(response, size),
        }));
      }
      const offset: number = upload.offset ?? 0;
      if (offset > furthest) failures = 0;
      furthest = Math.max(furthest, offset);
      if (offset < size) {
        const from = upload.location;
        // Whatever becomes of it, the registry has to be asked then.
        upload = {location: from, offset: undefined};
        const headers = {
          'content-type': 'application/octet-stream',
          'content-length': String(size - offset),
          ...(offset > 0 && {'content-range': `${offset}-${size - 1}`}),
        };
        const body = () => counted(blob.open(offset), (current) => progress(offset + current, size));
        const next = await ask({method: 'PATCH', at: from, headers, body}, locationOf);
        upload = {location: next, offset: size};
      }
      const headers = {'content-length': '0'};
      await ask({method: 'PUT', at: withDigest(upload.location, digest), headers}, () => undefined);
      return 'pushed';
    } catch (error) {
      signal.throwIfAborted();
      const resumed: boolean = upload !== undefined && failures > 0;
      failures++;
      if (failures > session.retries) throw error instanceof TransientFailure ? error.failure : error;
      if (error instanceof TransientFailure && (error.retryAfter ?? 0) <= longestWait) {
        await session.pause(failures, signal, error.retryAfter);
        if (upload !== undefined) upload = {...upload, offset: undefined};
        continue;
      }
      // What was taken up again and is refused is begun anew, unless it was complete when the connection broke off.
      if (!resumed || !(error instanceof BuildError)) throw error instanceof TransientFailure ? error.failure : error;
      if (await hasBlob(session, reference, blob, signal)) return 'pushed';
      upload = undefined;
      furthest = 0;
    }
  }
}

/** `Range: 0-1023` says that 1024 bytes are there; `0-0` is what registries say of none. */
function arrived({headers}: HttpResponse, size: number): number {
  const end = /^(?:bytes=)?0-(\d+)$/.exec(headers['range'] ?? '')?.[1];
  if (end === undefined || end === '0') return 0;
  return Math.min(Number(end) + 1, size);
}
