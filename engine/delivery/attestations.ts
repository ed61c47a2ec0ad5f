import {type Digest, digestOf, hexOf} from '../oci/digest.js';
import type {Descriptor} from '../oci/manifest.js';
import {mediaTypes} from '../oci/media-types.js';
import type {Attachments} from './push-image.js';
import {provenanceType, spdxType, statement, type Subject} from './provenance.js';

/** What is said about an image: predicates of in-toto statements. */
export interface Predicates {
  readonly provenance: object | undefined;
  readonly sbom: object | undefined;
}

const inTotoLayer = 'application/vnd.in-toto+json';

/** Each predicate as the bytes of a statement about the subjects. */
export function statementsOf(
  {provenance, sbom}: Predicates,
  subjects: readonly Subject[],
): readonly {readonly type: string; readonly bytes: Buffer}[] {
  const of = (type: string, predicate: object | undefined): readonly {type: string; bytes: Buffer}[] =>
    predicate === undefined ? [] : [{type, bytes: Buffer.from(JSON.stringify(statement(type, subjects, predicate)))}];
  return [...of(spdxType, sbom), ...of(provenanceType, provenance)];
}

/**
 * The statements as BuildKit attaches them: a manifest whose layers they are, in one index with the image's, which names it by
 * annotations (docs/attestations/attestation-storage.md of BuildKit). Its `subject` makes it a referrer as well, where a
 * registry knows of those (distribution-spec 1.1).
 */
export function attachments(
  image: Descriptor,
  predicates: Predicates,
  subjects: readonly Subject[],
  annotations: Readonly<Record<string, string>>,
): Attachments {
  const layers = statementsOf(predicates, subjects).map(({type, bytes}) => ({type, bytes, digest: digestOf(bytes)}));
  const unknown = {architecture: 'unknown', os: 'unknown'};
  const config = Buffer.from(
    JSON.stringify({...unknown, config: {}, rootfs: {type: 'layers', diff_ids: layers.map(({digest}) => digest)}}),
  );
  const manifest = documentOf({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptorOf(mediaTypes.ociConfig, config),
    layers: layers.map(({type, bytes}) => ({
      ...descriptorOf(inTotoLayer, bytes),
      annotations: {'in-toto.io/predicate-type': type},
    })),
    subject: {mediaType: image.mediaType, digest: image.digest, size: image.size},
  });
  const index = documentOf({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [
      image,
      {
        ...descriptorOf(mediaTypes.ociManifest, manifest),
        annotations: {
          'vnd.docker.reference.digest': image.digest,
          'vnd.docker.reference.type': 'attestation-manifest',
        },
        platform: unknown,
      },
    ],
    ...(Object.keys(annotations).length > 0 && {annotations}),
  });
  return {
    blobs: [...layers.map(({bytes, digest}) => ({bytes, digest})), {bytes: config, digest: digestOf(config)}],
    manifests: [{bytes: manifest, mediaType: mediaTypes.ociManifest}],
    index,
  };
}

const documentOf = (document: object): Buffer => Buffer.from(JSON.stringify(document, undefined, 2));

function descriptorOf(mediaType: string, bytes: Buffer): {mediaType: string; digest: Digest; size: number} {
  return {mediaType, digest: digestOf(bytes), size: bytes.length};
}

/** The image and the packages that were built with it. */
export function subjectsOf(
  references: readonly string[],
  manifest: Digest,
  packages: readonly Subject[],
): readonly Subject[] {
  return [...references.map((name) => ({name, sha256: hexOf(manifest)})), ...packages];
}
