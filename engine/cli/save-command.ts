import {resolve} from 'node:path';
import {BuildError} from '../base/errors.js';
import {createRedactor} from '../base/redact.js';
import {credentialsOf} from './credentials.js';
import {tagsOf} from './name-commands.js';
import {registriesOf} from './registries.js';
import {type StoreFlags, withStoreOf} from './store-options.js';
import type {Terminal} from './terminal.js';
import {isRootless} from '../drivers/embedded/rootless.js';

export interface SaveFlags extends Pick<StoreFlags, 'root'> {
  readonly output?: string;
  readonly format: string;
}

/** `build-image save NAME…`: images of the store as one archive. */
export async function saveCommand(
  names: readonly string[],
  flags: SaveFlags,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const {output = '-'} = flags;
  if (output === '-' && terminal.answerIsTty) {
    throw new BuildError('USAGE', 'save would write its archive to the terminal', {
      remedy: 'Name a file (-o FILE), or pipe standard output to what reads it.',
    });
  }
  await withStoreOf(flags, terminal, signal, async (store) => {
    const tags = names.map((name) => tagsOf(store, name)[0]);
    const {savedFiles} = await import('../drivers/embedded/outputs/save-images.js');
    const {tarOf} = await import('../drivers/embedded/outputs/archive.js');
    const {writeStream, writeToStream} = await import('../drivers/embedded/outputs/destination.js');
    const events = {
      emit: (event: {readonly type: string; readonly message?: string}) => {
        if (event.type === 'note' && event.message !== undefined) terminal.error(`${event.message}\n`);
      },
    };
    const credentials = credentialsOf(terminal, createRedactor(), signal);
    const docker = flags.format === 'docker';
    const registries = registriesOf(terminal.environment);
    const options = {...registries, store, rootless: isRootless(terminal.uid), docker, credentials, events};
    const files = await savedFiles(tags, options, signal);
    const destination = output === '-' ? output : resolve(terminal.directory, output);
    const stdout = (bytes: Uint8Array): Promise<void> => writeToStream(terminal.answerStream, bytes);
    await writeStream(destination, tarOf(files, 0, signal), stdout, signal);
  });
  return 0;
}
