import {once} from 'node:events';
import {fileURLToPath} from 'node:url';
import {BuildError} from '../../base/errors.js';
import type {LayerForm} from '../driver.js';
import {enterNamespace} from './enter-namespace.js';
import {errorOf, type WireError} from './protocol.js';
import type {BaseLayer} from './solve/tree.js';

export interface ToLayerMaker {
  readonly root: string;
  readonly layer: Pick<BaseLayer, 'layer' | 'chainId'>;
}

export type FromLayerMaker =
  {readonly type: 'made'; readonly form: LayerForm | undefined} | {readonly type: 'failed'; readonly error: WireError};

/** `layerOfStep` for an ordinary user, in a user namespace that may read every file of the layer. */
export async function makeLayerAsUser(
  root: string,
  {layer, chainId}: Pick<BaseLayer, 'layer' | 'chainId'>,
  signal: AbortSignal,
): Promise<LayerForm | undefined> {
  const script = fileURLToPath(new URL('./layer-maker.js', import.meta.url));
  const maker = await enterNamespace(script, {root: false, signal});
  const lost = maker.ended.then((status): never => {
    throw new BuildError('IO', `the process that made a layer ended before it was done (status ${status})`);
  });
  lost.catch(() => undefined);
  try {
    const answer = once(maker.channel, 'message', {signal});
    const {digest, size, mediaType, diffId} = layer;
    const message: ToLayerMaker = {root, layer: {layer: {digest, size, mediaType, diffId}, chainId}};
    maker.channel.send(message);
    const [made] = (await Promise.race([answer, lost])) as [FromLayerMaker];
    if (made.type === 'failed') throw errorOf(made.error);
    return made.form;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await maker.kill();
  }
}
