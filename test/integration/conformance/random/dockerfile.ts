import type {ConformanceCase, Tree} from '../case.js';
import {configInstruction} from './config.js';
import {dice as diceOf, type Dice} from './dice.js';
import {run} from './run.js';
import {transfer} from './transfer.js';
import {randomTree} from './tree.js';

/** `old`: what the frontend inside Debian's dockerd knows; `current`: what is published. */
export type Syntax = 'old' | 'current';

/** A Dockerfile of one to four stages, with a context, as a case that either command line builds. */
export function randomCase(seed: number, syntax: Syntax): ConformanceCase {
  const dice = diceOf(seed);
  const context = randomTree(dice);
  const head = dice.oneIn(3) ? [`ARG ${dice.pick(['V=global', 'A=1', 'BASE=conformance-base'])}`] : [];
  const stages: string[] = [];
  /** Those that begin with the files of a base image: only they have something to copy. */
  const withFiles: string[] = [];
  const empty = new Set<string>();
  const lines = [...head];
  const count = dice.pick([1, 1, 1, 2, 2, 3]);
  for (let index = 0; index < count; index++) {
    const name = dice.oneIn(4) ? undefined : `s${index}`;
    const base = baseOf(dice, stages);
    lines.push(`FROM ${base}${name === undefined ? '' : dice.pick([` AS ${name}`, ` as ${name}`])}`);
    lines.push(
      ...instructions(dice, syntax, context, withFiles, {seed, scratch: base === 'scratch', last: index === count - 1}),
    );
    if (base !== 'scratch' && !empty.has(base)) withFiles.push(name ?? String(index));
    else if (name !== undefined) empty.add(name);
    stages.push(name !== undefined && !dice.oneIn(5) ? name : String(index));
  }
  const text = `${lines.join('\n')}\n`;
  const args = dice.oneIn(3) ? {[dice.pick(['A', 'V', 'M'])]: dice.pick(['given', '640', ''])} : {};
  const named = stages.filter((stage) => stage.startsWith('s'));
  const target = dice.oneIn(6) && named.length > 0 ? {target: dice.pick(named)} : {};
  return {
    name: `seed ${seed}`,
    dockerfile: dice.oneIn(12) ? text.replaceAll('\n', '\r\n') : text,
    context,
    buildArgs: args,
    ...target,
  };
}

function baseOf(dice: Dice, stages: readonly string[]): string {
  const named = stages.filter((stage) => stage.startsWith('s'));
  if (named.length > 0 && dice.oneIn(3)) return dice.pick(named);
  return dice.pick(['conformance-base', 'conformance-base', 'conformance-base', 'conformance-rich', 'scratch']);
}

interface StagePlace {
  readonly seed: number;
  readonly scratch: boolean;
  readonly last: boolean;
}

function instructions(
  dice: Dice,
  syntax: Syntax,
  context: Tree,
  stages: readonly string[],
  place: StagePlace,
): string[] {
  return dice.many(1, place.last ? 6 : 4, () => {
    const kind = dice.below(10);
    if (kind < 4) return transfer(dice, syntax, context, stages);
    if (kind < 7 && (!place.scratch || dice.oneIn(10)))
      return run(dice, syntax, context, stages, `random-${place.seed}`);
    return configInstruction(dice, syntax, stages);
  });
}
