import {type Digest, isDigest} from '../oci/digest.js';
import {parseVersioned} from './files.js';

/** Why a step's key is what it is, for a person: a digest, a text, a list, or values by name. No secrets. */
export type KeyPart = string | readonly string[] | Readonly<Record<string, string>>;

/** A layer as an image's manifest names it, with the digest of its tar (OCI image-spec, config: rootfs.diff_ids). */
export interface LayerRecord {
  readonly diffId: Digest;
  readonly digest: Digest;
  /** Bytes, of the compressed blob. */
  readonly size: number;
  readonly mediaType: string;
}

/** What a step made. Immutable: another result has another key. */
export interface StepRecord {
  /** Hex digits, or a digest. */
  readonly key: string;
  /** Which step it is over builds, whatever its content: `explain` compares records of the same identity. */
  readonly stepIdentity: string;
  readonly parts: Readonly<Record<string, KeyPart>>;
  /** The snapshot that the step made; null where it changed no file. */
  readonly snapshot: string | null;
  readonly layer?: LayerRecord;
  readonly config?: unknown;
  /** Blobs that are kept with the record, such as a long list of files behind one part. */
  readonly attachments?: readonly Digest[];
  /** What the step took when it ran. */
  readonly seconds: number;
  /** ISO 8601, UTC. */
  readonly created: string;
}

const version = 1;

/** Hex digits of a key, which name its file; undefined where it is none. */
export function keyHex(key: string): string | undefined {
  return /^(?:sha256:)?([0-9a-f]{16,128})$/.exec(key)?.[1];
}

export function isSnapshotId(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{8}-[0-9a-f]{6}$/.test(text);
}

export function formatStepRecord(record: StepRecord): string {
  return `${JSON.stringify({version, ...record})}\n`;
}

/** The record in a file's text; undefined where it is none, or not that of `key`, with or without `sha256:` in front. */
export function parseStepRecord(text: string, key: string): StepRecord | undefined {
  const fields = parseVersioned(text, version);
  if (typeof fields?.['key'] !== 'string' || keyHex(fields['key']) !== keyHex(key)) return undefined;
  const {stepIdentity, parts, snapshot, layer, attachments, seconds, created} = fields;
  if (typeof stepIdentity !== 'string' || typeof created !== 'string') return undefined;
  if (typeof seconds !== 'number' || !(seconds >= 0)) return undefined;
  if (snapshot !== null && !isSnapshotId(snapshot)) return undefined;
  if (!isParts(parts) || !(layer === undefined || isLayer(layer))) return undefined;
  const digests = attachments === undefined || (Array.isArray(attachments) && attachments.every(isDigestValue));
  if (!digests) return undefined;
  const known = Object.entries(fields).filter(([name]) => name !== 'version');
  return Object.fromEntries(known) as unknown as StepRecord;
}

function isDigestValue(value: unknown): value is Digest {
  return typeof value === 'string' && isDigest(value);
}

export function isLayer(value: unknown): value is LayerRecord {
  if (typeof value !== 'object' || value === null) return false;
  const {diffId, digest, size, mediaType} = value as Partial<Record<keyof LayerRecord, unknown>>;
  return isDigestValue(diffId) && isDigestValue(digest) && Number.isSafeInteger(size) && typeof mediaType === 'string';
}

function isParts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((part: unknown) => typeof part === 'string' || isStrings(part));
}

function isStrings(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((item) => typeof item === 'string');
}
