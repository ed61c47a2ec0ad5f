import {createHash} from 'node:crypto';
import {pipeline} from 'node:stream/promises';
import {extract} from 'tar-stream';
import type {TestDaemon} from './daemon.js';

export interface ImageContent {
  /** The image's config as the daemon shows it. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Diff IDs. */
  readonly layers: readonly string[];
  /** `path type mode uid:gid size link digest`, sorted. Times are not part of it. */
  readonly files: readonly string[];
}

/** Config and files of an image, from a container that is made of it and never started. */
export async function imageContent({docker}: TestDaemon, image: string): Promise<ImageContent> {
  const {
    Config: config,
    RootFS: root,
    Os: os,
    Architecture: architecture,
    Author: author,
  } = await docker.getImage(image).inspect();
  // `Image`: ID of what a classic build's last step started from.
  const own = Object.fromEntries(Object.entries(config).filter(([name]) => name !== 'Image')) as Record<
    string,
    unknown
  >;
  const container = await docker.createContainer({Image: image, Cmd: ['-'], Entrypoint: []});
  try {
    return {
      config: {...own, os, architecture, author},
      layers: root.Layers ?? [],
      files: await filesOf((await container.export()) as unknown as AsyncIterable<Uint8Array>),
    };
  } finally {
    await container.remove({force: true});
  }
}

async function filesOf(archive: AsyncIterable<Uint8Array>): Promise<readonly string[]> {
  const reader = extract();
  const fed = pipeline(archive, reader);
  fed.catch(() => undefined);
  const files: string[] = [];
  for await (const entry of reader) {
    const {name, type, mode, uid, gid, size, linkname, devmajor, devminor} = entry.header;
    const hash = createHash('sha256');
    for await (const piece of entry) hash.update(piece as Uint8Array);
    const owner = `${String(uid)}:${String(gid)}`;
    const content = type === 'file' ? hash.digest('hex') : `${String(devmajor)}:${String(devminor)}`;
    files.push(`${name} ${type} ${mode.toString(8)} ${owner} ${String(size)} ${linkname} ${content}`);
  }
  await fed;
  return files.sort();
}
