import type {ConformanceCase, Tree} from '../case.js';
import {configInstruction} from './config.js';
import {dice as diceOf, type Dice} from './dice.js';
import {run} from './run.js';
import {variables, type Scene, type Syntax} from './scene.js';
import {settings} from './settings.js';
import {respelled} from './spelling.js';
import {transfer} from './transfer.js';
import {randomTree} from './tree.js';
import {value} from './words.js';

/** A Dockerfile of one to four stages, with a context, as a case that either command line builds. */
export function randomCase(seed: number, syntax: Syntax): ConformanceCase {
  const dice = diceOf(seed);
  const context = randomTree(dice, syntax);
  const bold = dice.oneIn(syntax === 'current' ? 4 : 8);
  const given = settings(dice, syntax);
  const scene = (sources: readonly string[]): Scene => ({
    ...{dice, syntax, context, bold, id: `random-${seed}`, secrets: given.secrets},
    sources: [...sources, ...given.contexts],
  });
  const stages: Stage[] = [];
  const lines = head(scene([]));
  const count = dice.pick([1, 1, 1, 2, 2, 3, 4]);
  for (let index = 0; index < count; index++) {
    const name = dice.oneIn(4) ? undefined : `s${index}`;
    const base = baseOf(dice, context, stages, syntax);
    const platform = dice.oneIn(20)
      ? `--platform=${dice.pick(['$BUILDPLATFORM', 'linux/amd64', '$TARGETPLATFORM'])} `
      : '';
    lines.push(
      `FROM ${platform}${base.text}${name === undefined ? '' : ` ${dice.pick(['AS', 'as', 'As'])} ${spelledName(dice, name)}`}`,
    );
    // Only a stage that begins with the files of a base image has something to copy.
    const usable = stages.filter((one) => one.files).map((one) => dice.pick(one.calls.slice(0, bold ? 4 : 3)));
    const images = syntax === 'current' && dice.oneIn(4) ? ['conformance-rich'] : [];
    lines.push(...instructions(scene([...usable, ...images]), {files: base.files, last: index === count - 1}));
    stages.push({
      calls: name === undefined ? [String(index)] : [name, name, String(index), name.toUpperCase()],
      files: base.files,
      named: name !== undefined,
    });
  }
  const named = stages
    .filter((stage) => stage.named)
    .map(({calls}) => dice.pick(calls.filter((call) => !/^\d/.test(call))));
  return {
    name: `seed ${seed}`,
    dockerfile: finished(dice, lines),
    context,
    buildArgs: given.buildArgs,
    ...(dice.oneIn(6) && named.length > 0 ? {target: dice.pick(named)} : {}),
    ...(given.flags.length > 0 ? {flags: given.flags} : {}),
    ...(given.beside === undefined ? {} : {beside: given.beside}),
  };
}

interface Stage {
  /** What other stages may call it. */
  readonly calls: readonly string[];
  readonly files: boolean;
  readonly named: boolean;
}

const spelledName = (dice: Dice, name: string): string => (dice.oneIn(10) ? name.toUpperCase() : name);

/** Directives, comments and the arguments of every FROM. */
function head(scene: Scene): string[] {
  const {dice} = scene;
  const lines: string[] = [];
  if (dice.oneIn(12))
    lines.push(
      dice.pick([
        '# escape=`',
        '#escape=\\',
        '# check=skip=all',
        '# comment first',
        '# ESCAPE = `',
        '# other=1',
        '# check=error=false',
      ]),
    );
  if (dice.oneIn(30)) lines.push('');
  const names = dice.many(0, dice.pick([0, 0, 1, 3]), () => dice.pick([...variables, 'BASE']));
  for (const name of names) {
    if (name === 'BASE')
      lines.push(
        `ARG BASE=${dice.pick(['conformance-base', '"conformance-base"', '${BASE0:-conformance-base}', 'conformance-${BASE1:-base}'])}`,
      );
    else
      lines.push(`ARG ${name}${dice.oneIn(4) ? '' : `=${dice.oneIn(2) ? 'global' : value({...scene, bold: false})}`}`);
  }
  return lines;
}

function baseOf(dice: Dice, context: Tree, stages: readonly Stage[], syntax: Syntax): {text: string; files: boolean} {
  const named = stages.filter((stage) => stage.named);
  if (named.length > 0 && dice.oneIn(3)) {
    const stage = dice.pick(named);
    return {text: stage.calls[0] ?? '', files: stage.files};
  }
  const whole = (text: string) => () => ({text, files: true});
  return dice.weighed([
    [9, whole('conformance-base')],
    [3, whole('conformance-rich')],
    ['one' in context ? 2 : 0, whole('conformance-onbuild')],
    [1, whole('conformance-base:latest')],
    [
      1,
      whole(
        dice.pick([
          '${BASE:-conformance-base}',
          syntax === 'current' ? '${BASE-conformance-rich}' : '${BASE:-conformance-rich}',
          'conformance-${BASE2:-base}',
        ]),
      ),
    ],
    [
      syntax === 'current' ? 1 : 0,
      whole(dice.pick(['docker.io/library/conformance-base', 'library/conformance-base'])),
    ],
    [3, () => ({text: 'scratch', files: false})],
  ]);
}

function instructions(scene: Scene, stage: {readonly files: boolean; readonly last: boolean}): string[] {
  const {dice} = scene;
  const single = (): string => {
    const kind = dice.below(10);
    if (kind < 4) return transfer(scene);
    if (kind < 7 && (stage.files || dice.oneIn(10))) return run(scene);
    return configInstruction(scene, single);
  };
  return dice.many(stage.last ? 2 : 1, stage.last ? 8 : 5, () => respelled(dice, single()));
}

/** The text with the ends of line, of file and of instructions that such files have. */
function finished(dice: Dice, lines: readonly string[]): string {
  let text = `${lines.join('\n')}${dice.oneIn(20) ? dice.pick(['', '\n\n', '\n# end', ' \\\n']) : '\n'}`;
  if (/^# ?escape ?= ?`/i.test(text)) text = text.replaceAll(/\\(?=\s*\n)/g, '`');
  if (dice.oneIn(14)) text = text.replaceAll('\n', '\r\n');
  return dice.oneIn(40) ? `\uFEFF${text}` : text;
}
