import type {Plan} from '../plan/plan.js';

const packaging = /\.deb\b|\bdpkg-(?:buildpackage|deb)\b|\b(?:debuild|equivs-build|checkinstall|n?fpm|gbp)\b|artifact/i;

/**
 * Whether a build that finds no package went wrong. It did where a stage that the target copies from makes packages, by
 * its commands or the path that is copied; many other Dockerfiles copy files between stages and have none.
 */
export function expectsPackage(plan: Plan): boolean {
  return plan.artifacts.some(({stage, path}) => {
    const texts = plan.graph.stages[stage]?.steps.map(({text}) => text) ?? [];
    return [path, ...texts].some((text) => packaging.test(text));
  });
}
