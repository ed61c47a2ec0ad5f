import {BuildError} from '../../base/errors.js';
import type {BuildRequest, Output} from '../driver.js';
import type {BuildPlace} from './build.js';
import {blobCompression, compressionOf} from './layer-blobs.js';
import type {WantedLayer} from './made-layers.js';
import {isPushed} from './outputs/attributes.js';
import {isStreamed} from './outputs/write-output.js';
import {epochOf} from './solve/epoch.js';
import type {LayerForm} from './step-layers.js';

/** Whether an output is made of layers; the others are made of files. */
export const hasLayers = (output: Output): boolean =>
  output.type === 'oci' || output.type === 'docker' || isPushed(output);

/** Whether the image itself is asked for: to be tagged in the store, or because there is no other output. */
export const wantsImage = ({outputs}: Pick<BuildRequest, 'outputs'>): boolean =>
  outputs.length === 0 || outputs.some(({type}) => type === 'image');

/** The files of other ids are hidden from an ordinary user, but in a namespace. */
export function formOf(
  {rootless, mayRun}: Pick<BuildPlace, 'rootless' | 'mayRun'>,
  clamp: number | undefined,
): LayerForm {
  return {rootless, clamp, readable: !rootless || mayRun};
}

/** The time that every later one becomes in an output. Throws USAGE where it is asked for and not given. */
export function clampOf(output: Output, request: BuildRequest): number | undefined {
  if (output.attributes['rewrite-timestamp'] !== 'true') return undefined;
  const epoch = epochOf(request);
  if (epoch === undefined) {
    throw new BuildError('USAGE', 'rewrite-timestamp needs a time', {
      remedy: 'Give one: --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct).',
    });
  }
  return epoch;
}

/**
 * What the outputs of a build ask of each layer of its image, what takes longest first; outputs that are made of files ask
 * nothing. Throws USAGE for what is known to be wrong before the first step.
 */
export function wantedLayers(
  request: BuildRequest,
  place: Pick<BuildPlace, 'rootless' | 'mayRun'>,
): readonly WantedLayer[] {
  const {outputs} = request;
  const streamed = outputs.filter(isStreamed);
  if (streamed.length > 1) {
    throw new BuildError('USAGE', `${streamed.length} outputs go to standard output`, {
      remedy: 'Give all but one of them a dest=PATH.',
    });
  }
  const wanted = outputs.filter(hasLayers).map((output) => ({
    form: formOf(place, clampOf(output, request)),
    blob: blobCompression(compressionOf(output)),
  }));
  const blobs = wanted.filter(({blob}) => blob !== undefined);
  const digests = wanted.filter(({blob}) => blob === undefined);
  if (wantsImage(request)) digests.push({form: formOf(place, undefined), blob: undefined});
  // The digest comes with the blob.
  const alone = digests.filter(({form}) => blobs.every((other) => other.form.clamp !== form.clamp));
  return [...blobs, ...alone];
}
