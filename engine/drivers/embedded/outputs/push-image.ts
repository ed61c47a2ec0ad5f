import {BuildError} from '../../../base/errors.js';
import {parseReference, withDefaultTag} from '../../../oci/reference.js';
import type {EventSink} from '../../../progress/events.js';
import type {RegistryClient} from '../../../registry/client.js';
import type {Output} from '../../driver.js';
import {imageBlobs} from './archive.js';
import type {DescribedImage} from './finished-image.js';

/**
 * Puts the image into the registries of its names: blobs first, then the manifest under each tag. `sources`: repositories
 * that base layers come from, by digest. Rejects with USAGE where it has no name, or as the registry refuses.
 */
export async function pushImage(
  image: DescribedImage,
  {attributes}: Output,
  sources: ReadonlyMap<string, string>,
  registry: RegistryClient,
  events: EventSink,
  signal: AbortSignal,
): Promise<void> {
  if (image.tags.length === 0) {
    throw new BuildError('USAGE', 'an image without a name cannot be pushed', {
      remedy: 'Give it one: --tag registry.example.org/app:1.',
    });
  }
  const {bytes, mediaType} = {bytes: image.manifestBytes, mediaType: image.descriptor.mediaType};
  const blobs = imageBlobs(image).filter(({digest}) => digest !== image.descriptor.digest);
  const byDigest = attributes['push-by-digest'] === 'true';
  for (const name of image.tags) {
    const reference = withDefaultTag(parseReference(name));
    const step = `push ${name}`;
    events.emit({type: 'step-started', step, name: `[internal] push ${name}`});
    const started = performance.now();
    const seconds = (): number => (performance.now() - started) / 1000;
    try {
      const pushed = blobs.map(({digest, size, open}) => {
        const source = sources.get(digest);
        const from = source === undefined ? undefined : parseReference(source);
        const mountFrom = from?.domain === reference.domain ? from.path : undefined;
        return {digest, size, open: () => open(signal), ...(mountFrom !== undefined && {mountFrom})};
      });
      await registry.push(reference, pushed, signal, (digest, current, total) =>
        events.emit({type: 'step-progress', step, label: digest.slice(0, 19), current, total}),
      );
      const {domain, path} = reference;
      const target = byDigest ? {domain, path, digest: image.descriptor.digest} : reference;
      await registry.pushManifest(target, {bytes, mediaType}, signal);
      events.emit({type: 'step-done', step, seconds: seconds()});
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      events.emit({type: 'step-done', step, seconds: seconds(), error: signal.aborted ? 'cancelled' : message});
      throw error;
    }
  }
}
