import {constants, createReadStream} from 'node:fs';
import {open} from 'node:fs/promises';
import {join} from 'node:path';
import {BuildError, hasErrno, messageOf} from '../../../base/errors.js';
import {type Digest, parseDigest} from '../../../oci/digest.js';
import {ociInvalid} from '../../../oci/json.js';
import {
  blobPath,
  checkLayoutFile,
  indexFile,
  layoutFile,
  type LayoutSelector,
  parseLayoutIndex,
  selectFromLayout,
} from '../../../oci/layout.js';
import {type Descriptor, type Index, manifestLimit} from '../../../oci/manifest.js';
import type {Platform} from '../../../oci/platform.js';
import {type BlobReader, imageFromBlobs} from './from-blobs.js';
import type {ResolvedImage} from './image-source.js';

/** `PATH[:TAG][@DIGEST]`, as after `oci-layout://`. Throws DIGEST_INVALID. */
export function parseLayoutPath(text: string): {readonly path: string; readonly selector: LayoutSelector} {
  // What is before the last slash belongs to the path.
  const at = text.indexOf('@', text.lastIndexOf('/') + 1);
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1));
  const rest = at === -1 ? text : text.slice(0, at);
  const colon = rest.indexOf(':', rest.lastIndexOf('/') + 1);
  const tag = colon === -1 ? undefined : rest.slice(colon + 1);
  return {
    path: colon === -1 ? rest : rest.slice(0, colon),
    selector: {...(tag !== undefined && {tag}), ...(digest !== undefined && {digest})},
  };
}

/** An image of an OCI layout in a directory (image-spec, image-layout.md). Symlinks in it are not followed. */
export async function imageFromLayout(
  path: string,
  selector: LayoutSelector,
  platform: Platform,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const blobs = layoutBlobs(path);
  const descriptor = await layoutEntry(path, selector, signal);
  const name = `oci-layout://${path}${selector.tag === undefined ? '' : `:${selector.tag}`}`;
  return imageFromBlobs(blobs, descriptor, platform, name, signal);
}

/** What the index of a layout names. Rejects with NOT_FOUND or OCI_INVALID. */
export async function layoutEntry(path: string, selector: LayoutSelector, signal: AbortSignal): Promise<Descriptor> {
  return selectFromLayout(await layoutIndex(path, signal), selector, path);
}

/** The index of a layout in a directory. Rejects with NOT_FOUND or OCI_INVALID. */
export async function layoutIndex(path: string, signal: AbortSignal): Promise<Index> {
  checkLayoutFile(await readWhole(join(path, layoutFile), 4096, signal));
  return parseLayoutIndex(await readWhole(join(path, indexFile), manifestLimit, signal));
}

/** The blobs of a layout in a directory. */
export function layoutBlobs(path: string): BlobReader {
  return {
    bytes: (digest, most, signal) => readWhole(join(path, blobPath(digest)), most, signal),
    open: (digest, signal) => stream(path, digest, signal),
  };
}

async function* stream(path: string, digest: Digest, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const file = join(path, blobPath(digest));
  const handle = await openRegular(file, signal);
  const source = createReadStream(file, {fd: handle, highWaterMark: 1024 * 1024, signal});
  try {
    for await (const chunk of source) yield chunk as Uint8Array;
  } finally {
    source.destroy();
  }
}

async function readWhole(file: string, most: number, signal: AbortSignal): Promise<Uint8Array> {
  const handle = await openRegular(file, signal);
  try {
    const {size} = await handle.stat();
    if (size > most) throw ociInvalid(file, `${size} bytes are more than the ${most} that are read`);
    return await handle.readFile({signal});
  } finally {
    await handle.close();
  }
}

async function openRegular(file: string, signal: AbortSignal) {
  signal.throwIfAborted();
  try {
    // Neither a pipe, which would wait for ever, nor a link out of the layout.
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) {
      throw new BuildError('NOT_FOUND', `the OCI layout has no file ${file}`, {cause: error});
    }
    if (!hasErrno(error, 'ELOOP'))
      throw new BuildError('IO', `cannot read ${file}: ${messageOf(error)}`, {cause: error});
  }
  throw ociInvalid('OCI layout', `${file} is not a regular file`);
}
