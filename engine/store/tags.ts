import {createHash} from 'node:crypto';
import {join} from 'node:path';
import {type Digest, isDigest} from '../oci/digest.js';
import type {Platform} from '../oci/platform.js';
import {namesIn, parseVersioned, readSmall, unlinkIfThere, writeWhole} from './files.js';
import {claim} from './leases.js';
import {isSnapshotId} from './step-record.js';
import {directoryOf, type Store, temporaryPath} from './store.js';

/** An image with a name. What it names is never pruned. */
export interface Tag {
  /** Normalised, as `formatReference` writes it: `docker.io/library/debian:12`. */
  readonly reference: string;
  readonly manifestDigest: Digest;
  readonly configDigest: Digest;
  readonly platform: Platform;
  /** When the name was given. ISO 8601, UTC. */
  readonly created: string;
  /** Snapshots of its file system, bottom first. */
  readonly snapshots: readonly string[];
}

const version = 1;
const mostBytes = 1024 * 1024;
const longestName = 200;

/** Path of a tag's file: the reference with `/` and `:` as `%2F` and `%3A`; a long one is cut and has its digest. */
export function tagPath(root: string, reference: string): string {
  const encoded = encodeURIComponent(reference);
  if (encoded.length <= longestName) return join(root, 'tags', encoded);
  const digest = createHash('sha256').update(reference).digest('hex');
  return join(root, 'tags', `${encoded.slice(0, longestName - 70)}~${digest}`);
}

export function readTag(store: Store, reference: string): Tag | undefined {
  const tag = tagIn(tagPath(store.root, reference));
  return tag?.reference === reference ? tag : undefined;
}

/** Names an image, or moves the name to another one: after a power failure it is still there, or this one is. Throws NO_SPACE, IO. */
export function writeTag(store: Store, tag: Tag): void {
  claim(
    store,
    {kind: 'blob', id: tag.manifestDigest},
    {kind: 'blob', id: tag.configDigest},
    ...tag.snapshots.map((id) => ({kind: 'snapshot', id}) as const),
  );
  const {reference, manifestDigest, configDigest, platform, created, snapshots} = tag;
  // What a fully cached build gives the same name again costs no fsync.
  const past = readTag(store, reference);
  const same = past !== undefined && JSON.stringify({...past, created: ''}) === JSON.stringify(fields(tag, ''));
  if (same) return;
  directoryOf(store, 'tags');
  const text = JSON.stringify({version, reference, manifestDigest, configDigest, platform, created, snapshots});
  writeWhole(tagPath(store.root, reference), temporaryPath(store), `${text}\n`, {sync: true});
}

function fields(tag: Tag, created: string): Tag {
  const {reference, manifestDigest, configDigest, platform, snapshots} = tag;
  return {reference, manifestDigest, configDigest, platform, created, snapshots};
}

/** False where there was none. The image's content stays until a prune. */
export function removeTag(store: Store, reference: string): boolean {
  return readTag(store, reference) !== undefined && unlinkIfThere(tagPath(store.root, reference));
}

/** In the order of their names. Files that hold no tag are passed over. */
export function listTags(root: string): readonly Tag[] {
  const tags = namesIn(join(root, 'tags')).flatMap((name) => tagIn(join(root, 'tags', name)) ?? []);
  return tags.sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

function tagIn(path: string): Tag | undefined {
  const text = readSmall(path, mostBytes)?.text;
  const found = text === undefined ? undefined : parseVersioned(text, version);
  if (found === undefined) return undefined;
  const {reference, manifestDigest, configDigest, platform, created, snapshots} = found;
  if (typeof reference !== 'string' || typeof created !== 'string') return undefined;
  if (!isDigestValue(manifestDigest) || !isDigestValue(configDigest) || !isPlatform(platform)) return undefined;
  if (!Array.isArray(snapshots) || !snapshots.every(isSnapshotId)) return undefined;
  return {reference, manifestDigest, configDigest, platform, created, snapshots};
}

function isDigestValue(value: unknown): value is Digest {
  return typeof value === 'string' && isDigest(value);
}

function isPlatform(value: unknown): value is Platform {
  if (typeof value !== 'object' || value === null) return false;
  const {os, architecture, variant} = value as Partial<Record<keyof Platform, unknown>>;
  const texts = typeof os === 'string' && typeof architecture === 'string';
  return texts && (variant === undefined || typeof variant === 'string');
}
