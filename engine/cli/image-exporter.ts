import {BuildError} from '../base/errors.js';
import type {ExportedImage} from '../drivers/driver.js';
import type {Reference} from '../oci/reference.js';
import type {CredentialSource} from '../registry/credentials.js';
import {reachableDaemon} from './driver-choice.js';
import {registriesOf} from './registries.js';
import type {Terminal} from './terminal.js';

export interface ExporterOptions {
  /** As `--driver`. */
  readonly driver: string;
  /** The store, absolute. */
  readonly root: string;
  readonly stored: CredentialSource;
  /** Bytes of the image that the daemon has given. */
  readonly progress: (current: number, total: number) => void;
}

/** The image where the driver keeps it; `auto` is the daemon that answers, else the store. Rejects with NOT_FOUND. */
export async function exportImage(
  reference: Reference,
  {driver, root, stored, progress}: ExporterOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const endpoint = driver === 'embedded' ? undefined : await reachableDaemon(terminal, driver === 'docker', signal);
  if (endpoint !== undefined) {
    const {exportFromDaemon} = await import('../drivers/docker/export-image.js');
    return exportFromDaemon(endpoint, root, reference, signal, progress);
  }
  return fromStore(reference, {root, stored}, terminal, signal);
}

/** The image where looking into it costs little: in the store. Undefined where it is not there, or a daemon has it. */
export async function imageAtHand(
  reference: Reference,
  {driver, root, stored}: Omit<ExporterOptions, 'progress'>,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExportedImage | undefined> {
  if (driver === 'docker') return undefined;
  if (driver === 'auto' && (await reachableDaemon(terminal, false, signal)) !== undefined) return undefined;
  try {
    return await fromStore(reference, {root, stored}, terminal, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

async function fromStore(
  reference: Reference,
  {root, stored}: Pick<ExporterOptions, 'root' | 'stored'>,
  {uid, environment}: Terminal,
  signal: AbortSignal,
): Promise<ExportedImage> {
  const {exportFromStore} = await import('../drivers/embedded/export-image.js');
  const credentials = (host: string) => stored(host, signal);
  return exportFromStore(reference, {root, uid, credentials, registries: registriesOf(environment)}, signal);
}
