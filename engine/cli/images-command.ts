import {manifestLimit, parseManifest} from '../oci/manifest.js';
import {familiarName, parseReference} from '../oci/reference.js';
import {formatBytes} from '../base/format-bytes.js';
import {readBlobBytes} from '../store/blobs.js';
import type {Store} from '../store/store.js';
import {listTags, type Tag} from '../store/tags.js';
import {type StoreFlags, withStoreOf} from './store-options.js';
import {renderTable} from './table.js';
import type {Terminal} from './terminal.js';

/** `build-image images`: the images in the store that have a name. */
export async function imagesCommand(
  _path: string | undefined,
  flags: StoreFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const images = await withStoreOf(flags, terminal, signal, (store) =>
    listTags(store.root).map((tag) => ({...tag, size: sizeOf(store, tag)})),
  );
  if (flags.json === true) {
    const facts = images.map(({reference, manifestDigest, configDigest, platform, created, size}) => ({
      reference,
      digest: manifestDigest,
      configDigest,
      platform: platformText(platform),
      created,
      size,
    }));
    terminal.answer(`${JSON.stringify({images: facts}, null, 2)}\n`);
    return 0;
  }
  const rows = images.map((tag) => [
    familiarName(parseReference(tag.reference)),
    tag.configDigest.slice(7, 19),
    platformText(tag.platform),
    tag.created.slice(0, 19),
    tag.size === null ? '-' : formatBytes(tag.size),
  ]);
  terminal.answer(renderTable([['IMAGE', 'ID', 'PLATFORM', 'CREATED', 'SIZE'], ...rows]));
  return 0;
}

function platformText({os, architecture, variant}: Tag['platform']): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** Bytes of the compressed layers and the config; null where the store does not have the manifest. */
function sizeOf(store: Store, tag: Tag): number | null {
  try {
    const found = parseManifest(readBlobBytes(store, tag.manifestDigest, manifestLimit));
    if (found.kind === 'index') return null;
    return [found.manifest.config, ...found.manifest.layers].reduce((sum, {size}) => sum + size, 0);
  } catch {
    return null;
  }
}
