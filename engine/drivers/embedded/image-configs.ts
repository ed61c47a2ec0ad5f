import type {ImageConfig} from '../../oci/config.js';
import type {EventSink} from '../../progress/events.js';
import {closeStore, openStore} from '../../store/open.js';
import type {Driver} from '../driver.js';
import {createImageSource} from './images/open-source.js';

/** Configs of base images by reference: out of the store, else from their registries. Rejects as those do. */
export async function imageConfigs(
  root: string,
  references: readonly string[],
  request: Parameters<Driver['imageConfigs']>[1],
  events: EventSink,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ImageConfig>> {
  const store = openStore(root, signal);
  const {credentials, pull, bases, platform} = request;
  const images = createImageSource({store, events, pull, bases, directory: '/', credentials});
  try {
    const found = await Promise.all(
      references.map(
        async (reference) => [reference, (await images.resolve(reference, platform, signal)).config] as const,
      ),
    );
    return new Map(found);
  } finally {
    await images.close();
    closeStore(store);
  }
}
