import {buildChanges} from './build-changes.js';
import type {Finding, Use} from './finding.js';
import {moves} from './moves.js';
import {unusedArgs} from './unused-args.js';
import {changedForNothing, unreadFiles} from './unused-files.js';

/** What past builds show to be of no use or in the wrong place: what took most seconds first. */
export function adviseByUse(use: Use): readonly Finding[] {
  const changes = buildChanges(use.past);
  const found = [...moves(use), ...unusedArgs(use, changes), ...changedForNothing(use, changes), ...unreadFiles(use)];
  return found.toSorted((a, b) => b.seconds - a.seconds || a.line - b.line);
}
