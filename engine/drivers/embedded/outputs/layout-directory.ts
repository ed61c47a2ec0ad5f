import {readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {writeBeside} from '../../../base/write-beside.js';
import {hasErrno} from '../../../base/errors.js';
import {makeDirectories} from '../../../base/make-directories.js';
import {
  indexFile,
  layoutEntries,
  layoutFile,
  parseLayoutIndex,
  renderLayoutFile,
  renderLayoutIndex,
} from '../../../oci/layout.js';
import type {Descriptor} from '../../../oci/manifest.js';
import {imageBlobs, type LayoutFile, layoutNames} from './archive.js';
import {writeFailure, writeFileWhole} from './destination.js';
import type {DescribedImage} from './finished-image.js';

const refName = 'org.opencontainers.image.ref.name';

/**
 * An OCI layout in a directory. Other images of a layout that is there already stay; one of the same tag is replaced. The
 * index is written last: what it names is complete. Rejects with OCI_INVALID where the present index is not valid.
 */
export async function writeLayoutDirectory(image: DescribedImage, path: string, signal: AbortSignal): Promise<void> {
  await writeLayout(path, imageBlobs(image), layoutEntries(image.descriptor, layoutNames(image.tags)), signal);
}

/** Blobs and what the index names of them; as `writeLayoutDirectory`. */
export async function writeLayout(
  path: string,
  blobs: readonly LayoutFile[],
  entries: readonly Descriptor[],
  signal: AbortSignal,
): Promise<void> {
  try {
    makeDirectories(join(path, 'blobs/sha256'));
  } catch (error) {
    throw writeFailure(path, error);
  }
  for (const blob of blobs) {
    const file = join(path, blob.name);
    const there = await stat(file).catch(() => undefined);
    if (there?.isFile() === true && there.size === blob.size) continue;
    await writeFileWhole(file, blob.open(signal), signal);
  }
  const others = (await readIndex(path)).filter((old) => !entries.some((entry) => replaces(entry, old)));
  signal.throwIfAborted();
  try {
    await writeBeside(join(path, layoutFile), renderLayoutFile());
    await writeBeside(join(path, indexFile), renderLayoutIndex([...others, ...entries]));
  } catch (error) {
    throw writeFailure(path, error);
  }
}

async function readIndex(path: string): Promise<readonly Descriptor[]> {
  try {
    return parseLayoutIndex(await readFile(join(path, indexFile))).manifests;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function replaces(entry: Descriptor, old: Descriptor): boolean {
  const [name, oldName] = [entry, old].map(({annotations}) => annotations?.[refName]);
  return name === oldName && (name !== undefined || entry.digest === old.digest);
}
