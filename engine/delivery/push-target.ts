import {createLimiter} from '../base/concurrency.js';
import type {Digest} from '../oci/digest.js';
import {digestOf, hexOf} from '../oci/digest.js';
import {parseReference, repositoryOf} from '../oci/reference.js';
import type {EventSink} from '../progress/events.js';
import type {CredentialSource} from '../registry/credentials.js';
import {hasBlob, type PushedBlob, type PushOutcome, sendBlob} from '../registry/push-blob.js';
import {pushManifest} from '../registry/push-manifest.js';
import {createSession, type Session} from '../registry/session.js';
import {credentialHost} from './plan-delivery.js';
import type {RegistryTarget} from './registries.js';

export interface TargetOptions {
  /** Those of docker's configuration. */
  readonly stored: CredentialSource;
  /** `host[:port]` that may be spoken to without TLS. */
  readonly insecure: readonly string[];
  readonly events: EventSink;
}

/** A repository that is being pushed to. The first failure ends the work on it; others go on. */
export interface OpenTarget {
  readonly target: RegistryTarget;
  readonly references: readonly string[];
  /** What went wrong; undefined so far. */
  readonly failure: unknown;
  /** Bytes that were sent. */
  readonly sent: number;
  /** Name of the repository, `host/path`. */
  readonly place: string;
  has(digest: Digest, size: number, label: string, signal: AbortSignal): Promise<boolean>;
  /** Does nothing after a failure. */
  push(blob: PushedBlob, label: string, signal: AbortSignal): Promise<void>;
  /** Under the tag, or under its digest. */
  manifest(tag: string | undefined, bytes: Uint8Array, mediaType: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Blobs at once. */
const parallel = 4;
/** Attempts after the first: a registry that is started again takes some seconds. */
const retries = 6;

/** Nothing is connected before the first call. The registry's own credentials go to its own host alone. */
export function openTarget(
  target: RegistryTarget,
  references: readonly string[],
  {stored, insecure, events}: TargetOptions,
): OpenTarget {
  const own = credentialHost(target.repository);
  const credentials: CredentialSource = async (host, signal) => {
    if (host !== own) return undefined;
    return target.credentials ?? stored(host, signal);
  };
  const session: Session = createSession({
    credentials,
    insecure,
    retries,
    note: (message) => events.emit({type: 'note', message}),
  });
  const step = `push ${target.name}`;
  const limiter = createLimiter(parallel);
  const started = performance.now();
  const state: {failure: unknown; sent: number; begun: boolean; ended: boolean} = {
    failure: undefined,
    sent: 0,
    begun: false,
    ended: false,
  };
  const begin = (): void => {
    if (state.begun) return;
    state.begun = true;
    events.emit({type: 'step-started', step, name: `pushing to ${repositoryOf(target.repository)} (${target.name})`});
  };
  const guard = async <T>(fallback: T, signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    if (state.failure !== undefined) return fallback;
    begin();
    try {
      return await limiter.run(work, signal);
    } catch (error) {
      signal.throwIfAborted();
      state.failure ??= error;
      return fallback;
    }
  };
  const told = (digest: Digest, label: string, outcome: PushOutcome | 'pushing'): string =>
    `${label} ${hexOf(digest).slice(0, 12)} ${{exists: 'is there', mounted: 'taken over', pushed: 'pushing', pushing: 'pushing'}[outcome]}`;
  return {
    target,
    references,
    place: repositoryOf(target.repository),
    get failure() {
      return state.failure;
    },
    get sent() {
      return state.sent;
    },
    has: (digest, size, label, signal) =>
      guard(true, signal, async () => {
        const there = await hasBlob(session, target.repository, {digest, size}, signal);
        if (there) {
          events.emit({type: 'step-progress', step, label: told(digest, label, 'exists'), current: size, total: size});
        }
        return there;
      }),
    async push(blob, label, signal) {
      await guard(undefined, signal, async () => {
        const tell = (current: number, total: number): void =>
          events.emit({type: 'step-progress', step, label: told(blob.digest, label, 'pushing'), current, total});
        const outcome = await sendBlob(session, target.repository, blob, signal, tell);
        if (outcome === 'pushed') state.sent += blob.size;
        const {digest, size} = blob;
        events.emit({type: 'step-progress', step, label: told(digest, label, outcome), current: size, total: size});
      });
    },
    async manifest(tag, bytes, mediaType, signal) {
      const {domain, path} = target.repository;
      const reference = tag === undefined ? undefined : parseReference(`${domain}/${path}:${tag}`);
      await guard(undefined, signal, async () => {
        await pushManifest(session, reference ?? {domain, path, digest: digestOf(bytes)}, {bytes, mediaType}, signal);
      });
    },
    async close() {
      if (state.begun && !state.ended) {
        state.ended = true;
        const seconds = (performance.now() - started) / 1000;
        const error = state.failure instanceof Error ? {error: state.failure.message} : {};
        events.emit({type: 'step-done', step, seconds, ...error});
      }
      await session.close();
    },
  };
}
