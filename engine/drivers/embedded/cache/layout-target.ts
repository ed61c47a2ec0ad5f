import {readdir, readFile, rm, stat, utimes} from 'node:fs/promises';
import {join} from 'node:path';
import {hasErrno} from '../../../base/errors.js';
import {blobPath, indexFile, layoutEntries, parseLayoutIndex} from '../../../oci/layout.js';
import {type Descriptor, manifestLimit, parseManifest} from '../../../oci/manifest.js';
import type {LayoutFile} from '../outputs/archive.js';
import {writeLayout} from '../outputs/layout-directory.js';

/** What nobody names any more is deleted after this time, ms: another build may be writing it just now. */
const patience = 10 * 60_000;

/** Writes a cache to an OCI layout, in place of the one of the same tag, whose layers go unless another image has them. */
export async function writeCacheLayout(
  path: string,
  tag: string,
  blobs: readonly LayoutFile[],
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<void> {
  const now = new Date();
  // First: another build removes what is old and has no name.
  for (const {name} of blobs) await utimes(join(path, name), now, now).catch(() => undefined);
  await writeLayout(path, blobs, layoutEntries(descriptor, [{name: tag, tag}]), signal);
  await removeUnnamed(path, now.getTime());
}

async function removeUnnamed(path: string, now: number): Promise<void> {
  const named = new Set<string>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    named.add(blobPath(descriptor.digest));
    if (depth > 3 || descriptor.size > manifestLimit || !/manifest|index/.test(descriptor.mediaType)) return;
    const found = parseManifest(await readFile(join(path, blobPath(descriptor.digest))));
    if (found.kind === 'index') for (const each of found.index.manifests) await visit(each, depth + 1);
    else for (const {digest} of [found.manifest.config, ...found.manifest.layers]) named.add(blobPath(digest));
  };
  try {
    for (const entry of parseLayoutIndex(await readFile(join(path, indexFile))).manifests) await visit(entry, 0);
    for (const file of await readdir(join(path, 'blobs/sha256'))) {
      const blob = `blobs/sha256/${file}`;
      const {mtimeMs} = await stat(join(path, blob));
      if (!named.has(blob) && now - mtimeMs > patience) await rm(join(path, blob), {force: true});
    }
  } catch (error) {
    // Something else is in the layout, or somebody else is at work: then nothing is removed.
    if (!(error instanceof Error) || hasErrno(error, 'EIO', 'ENOSPC')) throw error;
  }
}
