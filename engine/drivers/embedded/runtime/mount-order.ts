import {hostPathInRoot} from '../../../snapshot/in-root.js';
import type {SpecMount} from './spec.js';

/** Of mounts at one target the last, in the place of the first: as BuildKit, which hides none by another. */
export function lastOfEach(mounts: readonly SpecMount[]): readonly SpecMount[] {
  const byTarget = new Map<string, SpecMount>();
  for (const mount of mounts) byTarget.set(mount.destination, mount);
  return [...byTarget.values()];
}

/**
 * Whether a target lies below another one. The runtime makes such a mount point in what is mounted above, before that is
 * made read-only.
 */
export function anyBelowAnother(root: string, targets: readonly string[]): boolean {
  const points = targets.map((target) => hostPathInRoot(root, target));
  return points.some((point) => points.some((above) => point.startsWith(`${above}/`)));
}
