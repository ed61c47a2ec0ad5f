import {resolve} from 'node:path';
import {formatPlatform, type Platform} from '../../../oci/platform.js';
import {formatReference, parseReference, withDefaultTag} from '../../../oci/reference.js';
import type {EventSink} from '../../../progress/events.js';
import {createRegistryClient, type RegistryOptions} from '../../../registry/client.js';
import type {Store} from '../../../store/store.js';
import type {BaseOptions} from '../../driver.js';
import {type ArchiveFile, openArchive} from './archive-file.js';
import {imageFromArchive} from './archive-image.js';
import type {ImageSource, ResolvedImage} from './image-source.js';
import {imageFromLayout, parseLayoutPath} from './layout-image.js';
import {imageByReference} from './remote-image.js';

export interface SourceOptions extends RegistryOptions {
  readonly store: Store;
  readonly events: EventSink;
  readonly pull: boolean;
  readonly bases?: BaseOptions | undefined;
  /** The absolute directory that relative paths of layouts and archives start from. */
  readonly directory: string;
}

const layoutScheme = 'oci-layout://';
const archiveScheme = 'docker-archive://';
const imageScheme = 'docker-image://';

/** Base images of every kind. No connection is made before a registry has to be asked. */
export function createImageSource(options: SourceOptions): ImageSource {
  const {store, events, pull, directory, bases} = options;
  const note = (message: string): void => events.emit({type: 'note', message});
  const registry = createRegistryClient({note, ...bases, ...options});
  const archives = new Map<string, Promise<ArchiveFile>>();
  return {
    async resolve(reference, platform, signal) {
      if (reference === 'scratch') return scratch(platform);
      if (reference.startsWith(layoutScheme)) {
        const {path, selector} = parseLayoutPath(reference.slice(layoutScheme.length));
        return imageFromLayout(resolve(directory, path), selector, platform, signal);
      }
      if (reference.startsWith(archiveScheme)) {
        const {path, name} = parseArchivePath(reference.slice(archiveScheme.length));
        const file = resolve(directory, path);
        const opened = archives.get(file) ?? openArchive(file, signal);
        archives.set(file, opened);
        opened.catch(() => archives.delete(file));
        return imageFromArchive(await opened, name, platform, signal);
      }
      const plain = reference.startsWith(imageScheme) ? reference.slice(imageScheme.length) : reference;
      const parsed = withDefaultTag(parseReference(plain));
      // A build resolves its bases more than once, in more than one process.
      const asked = `${formatReference(parsed)} ${formatPlatform(platform)}`;
      const ask = pull && bases?.pulled.has(asked) !== true;
      const image = await imageByReference(parsed, platform, {store, registry, events, pull: ask}, signal);
      if (pull) bases?.pulled.add(asked);
      return image;
    },
    async close() {
      const open = [...archives.values()];
      archives.clear();
      for (const archive of await Promise.allSettled(open)) {
        if (archive.status === 'fulfilled') await archive.value.close();
      }
      await registry.close();
    },
  };
}

/** `PATH[:NAME]`, where NAME may be a whole reference: the first colon after the file's name divides. */
function parseArchivePath(text: string): {readonly path: string; readonly name: string | undefined} {
  const match = /^(.*?\.(?:tar|oci)):(.+)$/s.exec(text);
  if (match !== null) return {path: match[1] ?? '', name: match[2]};
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  return colon === -1 ? {path: text, name: undefined} : {path: text.slice(0, colon), name: text.slice(colon + 1)};
}

/** The empty image. */
function scratch({os, architecture, variant}: Platform): ResolvedImage {
  return {
    reference: 'scratch',
    digest: undefined,
    manifestDigest: undefined,
    configDigest: undefined,
    config: {
      architecture,
      os,
      ...(variant !== undefined && {variant}),
      rootfs: {type: 'layers', diff_ids: []},
    },
    layers: [],
    open: () => {
      throw new Error('unreachable: scratch has no layers');
    },
    fetch: () => Promise.resolve(),
  };
}
