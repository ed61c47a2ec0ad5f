import {existsSync, statSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import {openArchive} from '../drivers/embedded/images/archive-file.js';
import {imageFromArchive} from '../drivers/embedded/images/archive-image.js';
import {imageFromLayout, parseLayoutPath} from '../drivers/embedded/images/layout-image.js';
import {layoutFile} from '../oci/layout.js';
import type {Platform} from '../oci/platform.js';
import {fromResolved, type ImageSource} from './image.js';

const layoutScheme = 'oci-layout://';
const archiveScheme = 'docker-archive://';

/**
 * An image of a directory with an OCI layout, or of an archive of either kind: `PATH[:TAG][@DIGEST]`, with or without the
 * scheme. Undefined where the text names no file. Rejects with NOT_FOUND, OCI_INVALID, ARCHIVE_INVALID.
 */
export async function imageOfFile(
  text: string,
  directory: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<ImageSource | undefined> {
  const scheme = [layoutScheme, archiveScheme].find((each) => text.startsWith(each));
  const written = scheme === undefined ? text : text.slice(scheme.length);
  const found = split(written, directory);
  if (found === undefined) {
    if (scheme === undefined) return undefined;
    throw new BuildError('NOT_FOUND', `there is no ${resolve(directory, written)}`);
  }
  const {path, tag} = found;
  if (statSync(path).isDirectory()) {
    if (!existsSync(join(path, layoutFile))) {
      if (scheme === undefined) return undefined;
      throw new BuildError('OCI_INVALID', `${path} is no OCI layout: it has no file ${layoutFile}`);
    }
    const {selector} = parseLayoutPath(`layout${tag === undefined ? '' : tag}`);
    const image = await imageFromLayout(path, selector, platform, signal);
    return fromResolved(image, {name: text, place: 'an OCI layout', close: () => Promise.resolve()});
  }
  // A file of the name of an image is not meant, unless it looks like a path.
  if (scheme === undefined && !/[/]|\.(?:tar|oci)\b/.test(text)) return undefined;
  const archive = await openArchive(path, signal).catch((error: unknown) => {
    if (!(error instanceof BuildError) || error.code !== 'ARCHIVE_INVALID') throw error;
    throw new BuildError('ARCHIVE_INVALID', `${text} is no image archive`, {
      remedy: 'It is neither what "docker save" writes nor an OCI layout in a tar.',
      cause: error,
    });
  });
  try {
    const image = await imageFromArchive(archive, tag?.slice(1), platform, signal);
    return fromResolved(image, {name: text, place: 'an archive', close: () => archive.close()});
  } catch (error) {
    await archive.close();
    throw error;
  }
}

/** The longest beginning that is a file, up to a `:` or `@`; `tag` keeps that. */
function split(text: string, directory: string): {readonly path: string; readonly tag: string | undefined} | undefined {
  const marks = [...text.matchAll(/[:@]/g)].map(({index}) => index);
  for (const end of [text.length, ...marks.reverse()]) {
    const path = resolve(directory, text.slice(0, end));
    if (end > 0 && existsSync(path)) return {path, tag: end === text.length ? undefined : text.slice(end)};
  }
  return undefined;
}
