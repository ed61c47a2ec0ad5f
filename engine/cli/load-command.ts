import {resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import {hostPlatform, parsePlatform} from '../oci/platform.js';
import {familiarName, parseReference} from '../oci/reference.js';
import {type StoreFlags, withStoreOf} from './store-options.js';
import type {Terminal} from './terminal.js';

export interface LoadFlags extends StoreFlags {
  readonly input?: string;
  readonly tag?: readonly string[];
  readonly platform?: string;
}

/** `build-image load`: images of an archive or an OCI layout into the store. */
export async function loadCommand(
  _path: string | undefined,
  flags: LoadFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const {input = '-', tag = []} = flags;
  if (input === '-' && terminal.stdin.isTTY === true) {
    throw new BuildError('USAGE', 'load reads an archive from standard input, which is a terminal', {
      remedy: 'Name a file: build-image load -i image.tar.',
    });
  }
  const platform = flags.platform === undefined ? hostPlatform() : parsePlatform(flags.platform);
  const loaded = await withStoreOf(flags, terminal, signal, async (store) => {
    const {loadImages} = await import('../drivers/embedded/images/load-images.js');
    const options =
      input === '-'
        ? {input: terminal.stdin as AsyncIterable<Uint8Array>, name: 'standard input'}
        : {input: resolve(terminal.directory, input), name: input};
    return loadImages(store, {...options, tags: tag, platform}, signal);
  });
  if (flags.json === true) terminal.answer(`${JSON.stringify({images: loaded}, null, 2)}\n`);
  else {
    for (const {references, configDigest} of loaded) {
      for (const name of references) {
        terminal.answer(`loaded  ${familiarName(parseReference(name))}  ${configDigest}\n`);
      }
    }
  }
  return 0;
}
