import {count} from '../../progress/format.js';
import type {Stage, StageStep} from '../../stages/graph.js';
import type {Cause, RecordedStep} from '../../store/build-record.js';
import {mentions} from '../explain/advice.js';
import type {Finding, Use} from './finding.js';
import {needsCopy} from './needs-copy.js';
import {rerunBecause, secondsOf} from './rerun-seconds.js';
import {firstLine, isStep, lastLine} from './step-place.js';

/** ARGs and COPYs of which a change made steps run again that have nothing to do with them. */
export function moves(use: Use): readonly Finding[] {
  return use.graph.stages.flatMap((stage) =>
    stage.steps.flatMap((step, index): readonly Finding[] => {
      const {statement, operation} = step;
      if (step.trigger) return [];
      if (statement.kind === 'arg') {
        return statement.args.flatMap(({name}) => {
          const end = stage.steps.findIndex((one, at) => at > index && mentions(one, name));
          const isRoot = (_: RecordedStep, {kind, name: of}: Cause): boolean => kind === 'arg' && of === name;
          return moved(use, stage, [index, end], isRoot, [name]);
        });
      }
      if ((operation.kind !== 'copy' && operation.kind !== 'add') || operation.source.kind !== 'main-context')
        return [];
      const end = stage.steps.findIndex((one, at) => at > index && needsCopy(one, step));
      const same = isStep(stage, step, use);
      // Where the COPY did not run for its files alone, moving it would not have helped.
      const isRoot = (one: RecordedStep, {kind}: Cause): boolean => kind === 'files' && same(one);
      return moved(use, stage, [index, end], isRoot, operation.sources);
    }),
  );
}

/** `end`: place of the first instruction that needs the one at `start`; -1 where none does. */
function moved(
  use: Use,
  stage: Stage,
  [start, end]: readonly [start: number, end: number],
  isRoot: (step: RecordedStep, cause: Cause) => boolean,
  names: readonly string[],
): readonly Finding[] {
  const own = stage.steps[start] as StageStep;
  const between = stage.steps.slice(start + 1, end < 0 ? undefined : end);
  const isOwn = isStep(stage, own, use);
  const kept = between.map((step) => isStep(stage, step, use));
  const isKept = (step: RecordedStep): boolean => kept.some((is) => is(step));
  const saved = use.past.records
    .map((record) => rerunBecause(record, isRoot, (step) => isOwn(step) || isKept(step)).filter(isKept))
    .filter((steps) => steps.length > 0);
  const below = between.at(-1);
  if (saved.length === 0 || below === undefined) return [];
  const steps = new Set(saved.flat().map(({written}) => written)).size;
  const {line, statement} = own;
  const where =
    end < 0 && statement.kind === 'arg'
      ? 'nothing in the stage mentions it: remove it, or move it to the end of the stage'
      : `move it below line ${lastLine(below)}`;
  const text = `${where}: ${count(steps, 'step')} that ${steps === 1 ? 'does' : 'do'} not need it ran again for it in ${count(saved.length, 'build')}`;
  const seconds = secondsOf(saved.flat());
  return [{kind: 'move', line, instruction: firstLine(own, use), names, builds: saved.length, seconds, text}];
}
