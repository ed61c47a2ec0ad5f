import {BuildError, quote} from '../base/errors.js';
import {type Digest, digestOf, isDigest, verifyBytes} from '../oci/digest.js';
import {type Descriptor, manifestLimit, type ManifestOrIndex, parseManifest} from '../oci/manifest.js';
import {manifestMediaTypes} from '../oci/media-types.js';
import {familiarName, type Reference, withDefaultTag} from '../oci/reference.js';
import type {Session} from './session.js';
import {discard, type HttpResponse, readBody} from './transport.js';

export interface FetchedManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  /** As they came: what the digest is of. */
  readonly bytes: Uint8Array;
  readonly document: ManifestOrIndex;
}

const accept = manifestMediaTypes.join(', ');
/** Media types of schema 1, which has neither a config nor digests of the whole. */
const schema1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

/** Manifest or index by digest, else by tag. Rejects with OCI_INVALID, DIGEST_MISMATCH, or as `Session.ask`. */
export async function fetchManifest(
  session: Session,
  reference: Reference,
  signal: AbortSignal,
  expected?: Pick<Descriptor, 'size' | 'mediaType'>,
): Promise<FetchedManifest> {
  const {tag, digest} = withDefaultTag(reference);
  const name = familiarName(reference);
  const question = {
    method: 'GET' as const,
    path: `/manifests/${digest ?? tag ?? ''}`,
    headers: {accept},
    what: `the manifest of ${name}`,
  };
  return session.ask(
    reference,
    question,
    async (response) => {
      const bytes = await readManifest(response, name);
      const mediaType = (response.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
      if (schema1.test(mediaType)) {
        throw new BuildError('OCI_INVALID', `${name} has a manifest of the withdrawn schema 1`, {
          remedy: 'Push the image again with a current client.',
        });
      }
      const announced = response.headers['docker-content-digest'];
      const wanted = digest ?? (typeof announced === 'string' && isDigest(announced) ? announced : undefined);
      if (wanted !== undefined) {
        const size = expected === undefined || expected.size < 0 ? {} : {size: expected.size};
        verifyBytes(`the manifest of ${name}`, bytes, {digest: wanted, ...size});
      }
      // Where an index says what it is, the server's word for it does not count.
      const said = expected !== undefined && expected.mediaType !== '' ? expected.mediaType : mediaType;
      const document = parseManifest(bytes, said);
      return {digest: wanted ?? digestOf(bytes), mediaType: typeOf(document), bytes, document};
    },
    signal,
  );
}

/** Digest behind a tag: by HEAD, or by reading the manifest where the registry does not say it. */
export async function fetchDigest(session: Session, reference: Reference, signal: AbortSignal): Promise<Digest> {
  if (reference.digest !== undefined) return reference.digest;
  const {tag = ''} = withDefaultTag(reference);
  const question = {
    method: 'HEAD' as const,
    path: `/manifests/${tag}`,
    headers: {accept},
    what: `the manifest of ${familiarName(reference)}`,
  };
  const found = await session.ask(
    reference,
    question,
    (response) => {
      const digest = response.headers['docker-content-digest'];
      discard(response);
      return Promise.resolve(typeof digest === 'string' && isDigest(digest) ? digest : undefined);
    },
    signal,
  );
  return found ?? (await fetchManifest(session, reference, signal)).digest;
}

function typeOf(document: ManifestOrIndex): string {
  return document.kind === 'index' ? document.index.mediaType : document.manifest.mediaType;
}

async function readManifest(response: HttpResponse, name: string): Promise<Buffer> {
  const bytes = await readBody(response, manifestLimit);
  if (bytes !== undefined) return bytes;
  discard(response);
  throw new BuildError('OCI_INVALID', `the manifest of ${quote(name)} is larger than ${manifestLimit} bytes`);
}
