import {BuildError, quote} from '../../../base/errors.js';
import {type Digest, isDigest} from '../../../oci/digest.js';
import {
  asObject,
  type JsonObject,
  ociInvalid,
  optionalArray,
  optionalString,
  optionalStringMap,
  parseJsonObject,
  requiredString,
} from '../../../oci/json.js';
import {keyHex} from '../../../store/step-record.js';

/** Media types of an exported cache: an OCI manifest whose config is the document, and whose layers are its layers. */
export const cacheTypes = {
  artifact: 'application/vnd.build-image.cache.v1',
  config: 'application/vnd.build-image.cache.config.v1+json',
} as const;

/** Annotations of a cache's layers. */
export const layerAnnotations = {diffId: 'io.build-image.diff-id', level: 'io.build-image.compression-level'} as const;

/** Field of an image's configuration that holds an inline cache, in base64. */
export const inlineField = 'io.build-image.cache.v1';

/** One step that ran somewhere, by its key. */
export interface CacheRecord {
  readonly key: string;
  /** Which step it is over builds: stage and number. */
  readonly step: string;
  /** Parts of the key; none in an inline cache. */
  readonly parts: Readonly<Record<string, string>>;
  /** Where `--no-cache` ran it again: what tells this result from an earlier one. */
  readonly run?: string | undefined;
  /** Diff ID of its layer; undefined where only its key is known: it runs when its files are wanted. */
  readonly diffId?: Digest | undefined;
  readonly seconds: number;
  /** ISO 8601, UTC. */
  readonly created: string;
}

/** What `--cache-to` writes beside the layers. */
export interface CacheDocument {
  readonly records: readonly CacheRecord[];
  /** Digests of what COPY --from selects, by the key of the selection. */
  readonly contents: Readonly<Record<string, string>>;
}

/** Largest document that is read, bytes. */
export const documentLimit = 64 * 1024 * 1024;
const mostRecords = 100_000;
const version = 1;
const what = 'build cache';

export function renderDocument(document: CacheDocument): Buffer {
  return Buffer.from(JSON.stringify({version, ...document}));
}

/** Parses what came from outside. Throws OCI_INVALID; UNSUPPORTED for a version that is not known. */
export function parseDocument(bytes: Uint8Array): CacheDocument {
  const object = parseJsonObject(what, bytes, documentLimit);
  if (object['version'] !== version) {
    throw new BuildError(
      'UNSUPPORTED',
      `its format has the version ${quote(String(object['version']))}, not ${version}`,
    );
  }
  const records = optionalArray(what, object, 'records', mostRecords) ?? [];
  const contents = optionalStringMap(what, object, 'contents') ?? {};
  for (const [key, digest] of Object.entries(contents)) {
    if (!isHex(key) || !isHex(digest)) throw ociInvalid(what, 'the digest of a selection is not 64 hexadecimal digits');
  }
  return {records: records.map((value, index) => recordOf(asObject(what, `records[${index}]`, value))), contents};
}

function recordOf(object: JsonObject): CacheRecord {
  const key = requiredString(what, object, 'key');
  if (keyHex(key) === undefined) throw ociInvalid(what, `${quote(key)} is not the key of a step`);
  const created = requiredString(what, object, 'created');
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(created) || Number.isNaN(Date.parse(created))) {
    throw ociInvalid(what, `${quote(created)} is not a time`);
  }
  const {seconds} = object;
  if (typeof seconds !== 'number' || !(seconds >= 0)) throw ociInvalid(what, 'the seconds of a step are not a number');
  const diffId = optionalString(what, object, 'diffId');
  if (diffId !== undefined && !isDigest(diffId)) throw ociInvalid(what, `${quote(diffId)} is not a sha256 digest`);
  const run = optionalString(what, object, 'run');
  if (run !== undefined && !/^[\w.-]{1,100}$/.test(run))
    throw ociInvalid(what, `${quote(run)} is not the name of a run`);
  return {
    key,
    step: requiredString(what, object, 'step'),
    parts: optionalStringMap(what, object, 'parts') ?? {},
    ...(run !== undefined && {run}),
    ...(diffId !== undefined && {diffId}),
    seconds,
    created,
  };
}

const isHex = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);
