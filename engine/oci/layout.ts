import {BuildError, quote} from '../base/errors.js';
import {didYouMean} from '../base/nearest.js';
import type {Digest} from './digest.js';
import {hexOf} from './digest.js';
import {ociInvalid, parseJsonObject, requiredString} from './json.js';
import {type Descriptor, type Index, parseManifest, renderManifest} from './manifest.js';
import {mediaTypes} from './media-types.js';

/** OCI image-spec, image-layout.md. File names of a layout, relative to its root. */
export const layoutFile = 'oci-layout';
export const indexFile = 'index.json';

const refName = 'org.opencontainers.image.ref.name';
/** What `docker load` and containerd take the full name from. */
const containerdName = 'io.containerd.image.name';

export function blobPath(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

export function renderLayoutFile(): Buffer {
  return Buffer.from('{"imageLayoutVersion":"1.0.0"}');
}

/** Throws BuildError OCI_INVALID unless the bytes of `oci-layout` announce version 1. */
export function checkLayoutFile(bytes: Uint8Array): void {
  const what = 'OCI layout';
  const version = requiredString(what, parseJsonObject(what, bytes, 4096), 'imageLayoutVersion');
  if (!version.startsWith('1.')) throw ociInvalid(what, `version ${quote(version)} is not supported, only 1.x`);
}

/** Throws BuildError OCI_INVALID. */
export function parseLayoutIndex(bytes: Uint8Array): Index {
  const parsed = parseManifest(bytes, mediaTypes.ociIndex);
  if (parsed.kind !== 'index') throw ociInvalid('OCI layout', 'index.json is not an index');
  return parsed.index;
}

/** One entry for each name of the image, or one without a name. `name` is a full reference with its tag. */
export function layoutEntries(
  descriptor: Descriptor,
  names: readonly {readonly name: string; readonly tag: string}[],
): readonly Descriptor[] {
  if (names.length === 0) return [descriptor];
  return names.map(({name, tag}) => ({
    ...descriptor,
    annotations: {...descriptor.annotations, [containerdName]: name, [refName]: tag},
  }));
}

export function renderLayoutIndex(manifests: readonly Descriptor[]): Buffer {
  return renderManifest({schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests});
}

/** The full references that an index gives an image: containerd's annotation, else a tag that is a whole name, as Podman and Skopeo write it. */
export function layoutFullNames({annotations = {}}: Descriptor): readonly string[] {
  const full = annotations[containerdName];
  if (full !== undefined) return [full];
  const tag = annotations[refName];
  return tag !== undefined && /[/:]/.test(tag) ? [tag] : [];
}

/** Which image of a layout is meant; without either the only one, or the one tagged `latest`. */
export interface LayoutSelector {
  readonly tag?: string;
  readonly digest?: Digest;
}

/** Throws BuildError NOT_FOUND with the names there are; `path` names the layout. */
export function selectFromLayout(index: Index, selector: LayoutSelector, path: string): Descriptor {
  const {tag, digest} = selector;
  if (digest !== undefined) {
    const found = index.manifests.find((descriptor) => descriptor.digest === digest);
    // A blob that only a nested index names can be selected too: its type and size are found out by reading it.
    return found ?? {mediaType: '', digest, size: -1};
  }
  const names = index.manifests.flatMap(namesOf);
  const wanted = tag ?? 'latest';
  const named = index.manifests.find((descriptor) => namesOf(descriptor).includes(wanted));
  if (named !== undefined) return named;
  const [only, second] = index.manifests;
  if (tag === undefined && only !== undefined && second === undefined) return only;
  const has = [...new Set(names)].sort();
  throw new BuildError(
    'NOT_FOUND',
    `the OCI layout ${path} has no image tagged ${quote(wanted)}${didYouMean(wanted, has)}`,
    {
      remedy:
        index.manifests.length === 0
          ? 'Its index.json is empty.'
          : `It has ${has.length === 0 ? 'images without names: select one by @sha256:…' : has.join(', ')}.`,
    },
  );
}

function namesOf(descriptor: Descriptor): readonly string[] {
  const annotations = descriptor.annotations ?? {};
  const tag = annotations[refName];
  const full = annotations[containerdName];
  // Some tools put the full reference into ref.name: its tag counts too.
  const tags = [tag, full].flatMap((name) =>
    name === undefined ? [] : [name, /:([\w][\w.-]*)$/.exec(name)?.[1] ?? name],
  );
  return [...new Set(tags)];
}
