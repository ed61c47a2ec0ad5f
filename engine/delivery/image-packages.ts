import {BuildError} from '../base/errors.js';
import {readTar} from '../base/tar-entries.js';
import type {ExportedImage} from '../drivers/driver.js';
import {type InstalledPackage, parseDpkgStatus} from './dpkg-status.js';

export interface ImagePackages {
  readonly packages: readonly InstalledPackage[];
  /** ID of /etc/os-release. */
  readonly vendor: string;
  /** `bookworm`: VERSION_CODENAME. */
  readonly distribution: string | undefined;
}

const mostBytes = 64 * 1024 * 1024;

/**
 * The Debian packages of an image: dpkg's status file, or `status.d` of images without dpkg. Undefined where it has neither.
 * Rejects with ARCHIVE_INVALID, or as the driver does.
 */
export async function imagePackages(image: ExportedImage, signal: AbortSignal): Promise<ImagePackages | undefined> {
  const whole = await textAt(image, '/var/lib/dpkg/status', signal);
  const packages = parseDpkgStatus(whole ?? '');
  const found =
    packages.length > 0 ? packages : parseDpkgStatus((await textAt(image, '/var/lib/dpkg/status.d', signal)) ?? '');
  if (found.length === 0) return undefined;
  const release = (await textAt(image, '/usr/lib/os-release', signal)) ?? '';
  const field = (name: string): string | undefined => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(release)?.[1];
  return {packages: found, vendor: field('ID') ?? 'debian', distribution: field('VERSION_CODENAME')};
}

/** The files at a path, an empty line between them; undefined where there is nothing. */
async function textAt(image: ExportedImage, path: string, signal: AbortSignal): Promise<string | undefined> {
  const texts: string[] = [];
  let size = 0;
  try {
    for await (const {header, content} of readTar(image.readTree(path, signal), signal)) {
      if (header.type !== 'file' || header.name.endsWith('.md5sums')) continue;
      const chunks: Uint8Array[] = [];
      for await (const chunk of content()) {
        size += chunk.length;
        if (size > mostBytes) throw new BuildError('ARCHIVE_INVALID', `${path} of the image is too large to be read`);
        chunks.push(chunk);
      }
      texts.push(Buffer.concat(chunks).toString('utf8'));
    }
  } catch (error) {
    if (error instanceof BuildError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
  return texts.join('\n\n');
}
