import {posix} from 'node:path';
import {BuildError} from '../base/errors.js';
import type {Taken} from './extract.js';

/**
 * Place of each file below the artifacts directory: its name; where several with different contents share a name, the path
 * below the place each was found in; where that is shared too, that path below the name of the stage. A file that is there
 * already with the same content has no place. Throws BuildError ARTIFACT_UNSAFE_PATH where nothing tells two files apart.
 */
export function placesOf(taken: readonly Taken[]): ReadonlyMap<Taken, string> {
  const byName = settle(taken, ({relative}) => posix.basename(relative));
  const byPath = settle(byName.contested, ({relative}) => relative);
  const byStage = settle(byPath.contested, ({source, relative}) => `${source.stageName}/${relative}`);
  const [left] = byStage.contested;
  if (left !== undefined) {
    const all = byStage.contested.map(({path, source}) => `${path} of stage ${source.stageName}`).join(', ');
    throw new BuildError('ARTIFACT_UNSAFE_PATH', `different files would get the same name: ${all}`, {
      remedy: 'Take one of them only, with --artifact STAGE:PATH.',
    });
  }
  const places = new Map([...byName.settled, ...byPath.settled, ...byStage.settled]);
  checkNesting(places);
  return places;
}

function settle(taken: readonly Taken[], placeOf: (one: Taken) => string) {
  const groups = new Map<string, Taken[]>();
  for (const one of taken) groups.set(placeOf(one), [...(groups.get(placeOf(one)) ?? []), one]);
  const settled = new Map<Taken, string>();
  const contested: Taken[] = [];
  for (const [place, group] of groups) {
    const [first] = group;
    if (first === undefined) continue;
    if (group.every(({file}) => file.sha256 === first.file.sha256)) settled.set(first, place);
    else contested.push(...group);
  }
  return {settled, contested};
}

/** A file `a` and a file `a/b` cannot both be there. */
function checkNesting(places: ReadonlyMap<Taken, string>): void {
  const all = new Set(places.values());
  for (const place of all) {
    for (let parent = posix.dirname(place); parent !== '.'; parent = posix.dirname(parent)) {
      if (!all.has(parent)) continue;
      throw new BuildError('ARTIFACT_UNSAFE_PATH', `${place} cannot lie in ${parent}, which is an artifact itself`, {
        remedy: 'Take one of them only, with --artifact STAGE:PATH.',
      });
    }
  }
}
