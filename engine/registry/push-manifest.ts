import {BuildError} from '../base/errors.js';
import {type Digest, digestOf} from '../oci/digest.js';
import {familiarName, type Reference, withDefaultTag} from '../oci/reference.js';
import type {Session} from './session.js';
import {discard} from './transport.js';

/** A manifest or index, as its digest is made of. */
export interface PushedManifest {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/**
 * Puts a manifest under the reference's tag, or under its digest where it has one and no tag; last, when everything that
 * it names is there (distribution-spec, push). Rejects as `Session.ask`; REGISTRY_FAILED where the registry has kept
 * something else than was sent.
 */
export async function pushManifest(
  session: Session,
  reference: Reference,
  {bytes, mediaType}: PushedManifest,
  signal: AbortSignal,
): Promise<Digest> {
  const digest = digestOf(bytes);
  const {tag = reference.digest ?? digest} = withDefaultTag(reference);
  const question = {
    method: 'PUT' as const,
    path: `/manifests/${tag}`,
    headers: {'content-type': mediaType},
    body: bytes,
    what: `the manifest of ${familiarName(reference)}`,
    push: true,
  };
  await session.ask(
    reference,
    question,
    (response) => {
      discard(response);
      const kept = response.headers['docker-content-digest'];
      if (typeof kept === 'string' && kept !== digest) {
        throw new BuildError('REGISTRY_FAILED', `${response.host} keeps ${kept} instead of ${digest}`);
      }
      return Promise.resolve();
    },
    signal,
  );
  return digest;
}
