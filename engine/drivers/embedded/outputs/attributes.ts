import type {Output} from '../../driver.js';
import type {LandedTree} from '../solve/tree.js';

/** `type=image,push=true`, which `type=registry` and `--push` stand for. */
export const isPushed = ({type, attributes}: Output): boolean => type === 'image' && attributes['push'] === 'true';

/** `name=a,b`. */
export const namesOf = ({attributes}: Output): readonly string[] =>
  (attributes['name'] ?? '').split(',').filter((name) => name !== '');

/** `annotation.KEY=VALUE` and `annotation-manifest.KEY=VALUE`, as BuildKit's exporters take them. */
export function annotationsOf({attributes}: Output): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) => {
      const key = /^annotation(?:-manifest)?(?:\[[^\]]*\])?\.(.+)$/.exec(name)?.[1];
      return key === undefined ? [] : [[key, value]];
    }),
  );
}

/** Images whose layers are the lowest ones, by digest: a registry that has them takes them over. */
export function sourcesOf({layers}: LandedTree): ReadonlyMap<string, string> {
  return new Map(
    layers.flatMap((layer): [string, string][] => {
      if (layer.kind !== 'base' || layer.image.reference.includes('://')) return [];
      return [[layer.layer.digest, layer.image.reference]];
    }),
  );
}
