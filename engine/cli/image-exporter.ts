import type {ExportedImage} from '../drivers/driver.js';
import type {Reference} from '../oci/reference.js';
import type {CredentialSource} from '../registry/credentials.js';
import {reachableDaemon} from './driver-choice.js';
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
  const {exportFromStore} = await import('../drivers/embedded/export-image.js');
  const credentials = (host: string) => stored(host, signal);
  return exportFromStore(reference, {root, uid: terminal.uid, credentials}, signal);
}
