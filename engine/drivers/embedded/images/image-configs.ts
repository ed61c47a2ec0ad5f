import type {ImageConfig} from '../../../oci/config.js';

export function imageConfigs(..._: unknown[]): Promise<ReadonlyMap<string, ImageConfig>> {
  return Promise.resolve(new Map());
}
